"""Fold short scripts to rows, for the tests of the pure part."""

from presence.history import HistoryRows
from presence.ports import LogRecord
from projections.reading import Logged, read
from projections.working import WorkingSet


def folded(log: list[LogRecord]) -> HistoryRows:
    """The rows of a whole log folded at once."""
    return fold_on(WorkingSet({}, {}), log)[1]


def fold_on(working: WorkingSet, log: list[LogRecord]) -> tuple[WorkingSet, HistoryRows]:
    """The working set after more of a log, and the rows that adds."""
    batch = [logged for record in log if isinstance(logged := read(record), Logged)]
    after, rows, letters = working.folded(batch)
    assert not letters
    return after, rows
