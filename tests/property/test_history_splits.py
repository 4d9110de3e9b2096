"""However a log is cut into batches, and wherever the writer restarts, the tables come out the same."""

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from presence.adapters.memory.history import MemoryHistoryTables
from presence.ports import LogRecord
from projections.config import HistoryConfig
from projections.history import HistoryProjection
from projections.metrics import HistoryMetrics
from tests.support.history_oracle import expected_rows, rows_to_compare
from tests.support.random_log import RandomLog

LENGTH = 120


@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(0, LENGTH), max_size=12),
    restarts=st.sets(st.integers(0, 13)),
    overlap=st.integers(0, 15),
    cached_users=st.integers(0, 7),
)
def test_any_cut_with_restarts_and_repeats_gives_the_tables_of_one_run(
    seed: int, cuts: list[int], restarts: set[int], overlap: int, cached_users: int
) -> None:
    log = RandomLog(seed, poison=0.05).grow(LENGTH)
    tables = MemoryHistoryTables()

    asyncio.run(write_cut(tables, log, sorted({0, len(log), *cuts}), restarts, overlap, cached_users))

    assert rows_to_compare(tables.tables.rows()) == expected_rows(log)


async def write_cut(
    tables: MemoryHistoryTables,
    log: list[LogRecord],
    bounds: list[int],
    restarts: set[int],
    overlap: int,
    cached_users: int,
) -> None:
    """Write the pieces, each handing in some of the last again; a fresh projection where it restarts."""

    def fresh() -> HistoryProjection:
        return HistoryProjection(tables, HistoryConfig(cached_users), HistoryMetrics(CollectorRegistry()))

    store = fresh()
    for number, (begin, end) in enumerate(pairwise(bounds)):
        if number in restarts:
            store = fresh()
        await store.write(log[max(0, begin - overlap) : end])
