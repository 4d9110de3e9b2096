"""The projection around the tables: outages, metrics and order. What every store must do is in tests/contract."""

import pytest
from prometheus_client import CollectorRegistry

from presence.adapters.memory.history import MemoryHistoryTables
from presence.domain.errors import HistoryUnavailable
from projections.config import HistoryConfig
from projections.history import HistoryProjection
from projections.metrics import HistoryMetrics
from tests.support.log_script import opened, script


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def tables() -> MemoryHistoryTables:
    return MemoryHistoryTables()


@pytest.fixture
def store(tables: MemoryHistoryTables, registry: CollectorRegistry) -> HistoryProjection:
    return HistoryProjection(tables, HistoryConfig(), HistoryMetrics(registry))


async def test_an_outage_is_passed_on_and_the_same_batch_works_later(
    store: HistoryProjection, tables: MemoryHistoryTables
) -> None:
    log = script(opened("alice", "s1"))
    tables.available = False
    with pytest.raises(HistoryUnavailable):
        await store.write(log)
    tables.available = True

    letters = await store.write(log)

    assert (letters, len(tables.tables.events)) == ([], 1)


async def test_records_out_of_order_within_a_batch_are_put_in_order(
    store: HistoryProjection, tables: MemoryHistoryTables
) -> None:
    await store.write(script(opened("alice", "s1"), opened("alice", "s1", node="n2"))[::-1])

    assert [row.reconnects for row in tables.tables.sessions.values()] == [1]
    assert tables.tables.checkpoints == {0: 1}


async def test_metrics_count_what_was_written_skipped_and_refused(
    store: HistoryProjection, registry: CollectorRegistry
) -> None:
    log = script(opened("alice", "s1"), b"{", opened("bob", "s2"))

    await store.write(log)
    await store.write(log[:1])

    assert registry.get_sample_value("presence_history_events_total") == 2
    assert registry.get_sample_value("presence_history_skipped_total") == 1
    assert registry.get_sample_value("presence_history_dead_letters_total", {"reason": "decode"}) == 1
    assert registry.get_sample_value("presence_history_batch_seconds_count") == 2
    assert registry.get_sample_value("presence_history_cached_users") == 2


async def test_several_refusals_in_a_batch_cost_only_their_records(
    store: HistoryProjection, tables: MemoryHistoryTables
) -> None:
    endless = "s" * 5_000  # the store has no index that holds it
    users = [f"user-{n:02}" for n in range(14)]
    log = script(*(opened(user, endless if n in {1, 3, 9, 13} else f"s-{n}") for n, user in enumerate(users)))

    letters = await store.write(log)

    assert [(letter.record.offset, letter.reason) for letter in letters] == [(n, "refused") for n in (1, 3, 9, 13)]
    assert {offset for _, offset in tables.tables.events} == set(range(14)) - {1, 3, 9, 13}
    assert len(tables.tables.sessions) == 10
    assert tables.tables.checkpoints == {0: 13}
