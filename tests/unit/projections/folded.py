"""Fold short scripts to rows, for the tests of the pure part."""

from presence.history import HistoryRows
from presence.ports import LogRecord
from projections.reading import Logged, read
from projections.working import WorkingSet


def folded(log: list[LogRecord]) -> HistoryRows:
    """The rows of a whole log folded at once."""
    return fold_on(WorkingSet({}, {}), log)


def fold_on(working: WorkingSet, log: list[LogRecord]) -> HistoryRows:
    """The rows that more of a log adds."""
    batch = [logged for record in log if isinstance(logged := read(record), Logged)]
    rows, letters = working.fold(batch, {})
    assert not letters
    return rows
