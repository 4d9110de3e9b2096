"""Last words are said until they are durable."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from presence.adapters.memory.log import MemoryEventLog
from presence.adapters.memory.time import FakeClock
from presence.domain.events import Event
from presence.domain.ids import Millis, UserKey
from presence.ports import Appended
from tests.support.facts import ALICE, lost
from tests.support.until import until
from ws_edge import departures
from ws_edge.departures import Departures
from ws_edge.effects import Depart
from ws_edge.metrics import EdgeMetrics


class FlakyLog(MemoryEventLog):
    """Breaks as often as it is told to."""

    bugs = 0

    async def append(self, key: UserKey, event: Event, at: Millis) -> Appended:
        """Append or break."""
        if self.bugs:
            self.bugs -= 1
            raise ZeroDivisionError
        return await super().append(key, event, at)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departures, "_RETRY_S", 0.001)


def made(log: MemoryEventLog) -> tuple[Departures, FakeClock, CollectorRegistry]:
    clock, registry = FakeClock(), CollectorRegistry()
    return Departures(log, clock, EdgeMetrics(registry), asyncio.ensure_future), clock, registry


async def test_a_last_word_is_appended_at_once() -> None:
    log = MemoryEventLog()
    said, clock, _ = made(log)

    said.add(Depart(ALICE, lost()))
    await said.settled()

    [record] = log.partitions[0]
    assert record.at == clock.now()


async def test_while_the_log_is_away_last_words_are_owed_and_then_said_with_the_time_of_then() -> None:
    log = MemoryEventLog()
    log.available = False
    said, clock, registry = made(log)
    running = asyncio.create_task(said.run())
    for _ in range(3):
        said.add(Depart(ALICE, lost()))
    await until(lambda: registry.get_sample_value("presence_edge_owed_departures") == 3)

    later = clock.advance(60_000)
    log.available = True
    await said.settled()

    assert {record.at for record in log.partitions[0]} == {later}
    assert len(log.partitions[0]) == 3
    assert registry.get_sample_value("presence_edge_owed_departures") == 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_bug_does_not_lose_a_last_word() -> None:
    """A drain took it for said while its second attempt was under way, and gave the lease back."""
    log = FlakyLog()
    log.bugs = 2
    said, _, registry = made(log)
    running = asyncio.create_task(said.run())

    said.add(Depart(ALICE, lost()))
    await said.settled()

    assert len(log.partitions[0]) == 1
    assert registry.get_sample_value("presence_edge_crashes_total") == 2
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
