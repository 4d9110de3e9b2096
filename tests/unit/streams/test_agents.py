"""The agents acknowledge a batch after it is safe, never before, and end the process on what nobody foresaw."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from presence.adapters.memory.dead_letters import MemoryDeadLetters
from presence.adapters.memory.log import MemoryEventLog
from presence.adapters.memory.time import FakeClock
from presence.domain.errors import HistoryUnavailable
from presence.ports import DeadLetter, LogRecord
from presence.telemetry.health import Health
from presence.wire.events import HEADERS, encode_event
from streams.agents import HistoryAgent, TablesAgent, Undertaker
from streams.batching.rows import PartitionState
from streams.config import StreamsConfig
from streams.metrics import StreamsMetrics
from streams.owned import OwnedPartition
from streams.patience import Patience
from streams.timers import Timers
from tests.support.scenes import key, opened
from tests.unit.streams.test_steps import Raw


class Message:
    def __init__(self, records: list[Raw], generation: int = 1) -> None:
        self.partition = 0
        self.value = records
        self.generation_id = generation


class App:
    consumer_generation_id = 1


class Event:
    def __init__(self, app: App, records: list[Raw]) -> None:
        self.app = app
        self.message = Message(records)
        self.acked = False

    def ack(self) -> None:
        self.acked = True


class Stream:
    """Yields the events it was given, as a stream without automatic acknowledgement does."""

    def __init__(self, *events: Event) -> None:
        self._events = events

    def noack(self) -> "Stream":
        return self

    async def events(self) -> AsyncIterator[Event]:
        for event in self._events:
            yield event


class Table:
    def __init__(self) -> None:
        self.flushed: list[dict[str, Any]] = []
        self.fails = False

    async def flush(self, state: PartitionState) -> None:
        if self.fails:
            raise RuntimeError("a fault")
        self.flushed.append(dict(state.rows.dirty))
        state.rows.dirty.clear()


class Store:
    def __init__(self) -> None:
        self.written: list[list[LogRecord]] = []
        self.failures = 0
        self.letters: list[DeadLetter] = []

    async def write(self, records: Sequence[LogRecord]) -> Sequence[DeadLetter]:
        if self.failures:
            self.failures -= 1
            raise HistoryUnavailable("away")
        self.written.append(list(records))
        return self.letters


class World:
    def __init__(self, history_batch: int = 2_000) -> None:
        self.app, self.table, self.store, self.letters = App(), Table(), Store(), MemoryDeadLetters(is_open=False)
        self.letters.is_open = True
        self.fatal: list[str] = []
        metrics = StreamsMetrics(CollectorRegistry())
        self.config = StreamsConfig("nowhere:1", history_linger_s=0.0, history_batch=history_batch)
        patience = Patience(Health("postgres", "dead_letters"), metrics, retry_s=0.0)
        undertaker = Undertaker(self.letters, patience, metrics)
        timers = Timers(StreamsConfig("nowhere:1"), MemoryEventLog(), FakeClock(), metrics)

        def on_fatal(part: str, _: Exception) -> None:
            self.fatal.append(part)

        self.tables = TablesAgent(self.table, timers, undertaker, metrics, on_fatal)  # type: ignore[arg-type]
        self.tables.owned = {0: OwnedPartition(PartitionState(0))}
        self.history = HistoryAgent(self.config, self.store, patience, undertaker, metrics, on_fatal)

    def event(self, *records: Raw) -> Event:
        return Event(self.app, list(records))


@pytest.fixture
def world() -> World:
    return World()


GOOD = Raw(0, key("ann").encode(), encode_event(opened("ann")))
POISON = Raw(1, b"acme/x", b"{")


async def test_a_batch_is_folded_flushed_and_acknowledged(world: World) -> None:
    event = world.event(GOOD)

    await world.tables.run(Stream(event))

    assert [set(rows) for rows in world.table.flushed] == [{key("ann")}]
    assert event.acked


async def test_a_batch_is_not_acknowledged_before_its_letters_are_kept(world: World) -> None:
    world.letters.is_open = False
    event = world.event(GOOD, POISON)
    running = asyncio.create_task(world.tables.run(Stream(event)))
    for _ in range(20):
        await asyncio.sleep(0)
    early = event.acked
    world.letters.is_open = True
    await running

    assert not early
    assert event.acked
    assert [letter.record.value for letter in world.letters.kept] == [b"{"]


async def test_a_batch_that_was_taken_from_us_is_neither_flushed_nor_acknowledged(world: World) -> None:
    world.letters.is_open = False
    event = world.event(POISON)
    running = asyncio.create_task(world.tables.run(Stream(event)))
    for _ in range(20):
        await asyncio.sleep(0)
    world.app.consumer_generation_id = 2
    await running

    assert world.table.flushed == []
    assert not event.acked


async def test_a_fault_ends_the_process_and_acknowledges_nothing(world: World) -> None:
    world.table.fails = True
    event = world.event(GOOD)

    with pytest.raises(RuntimeError, match="a fault"):
        await world.tables.run(Stream(event))

    assert world.fatal == ["tables agent"]
    assert not event.acked


async def test_a_partition_that_is_not_ours_is_a_fault(world: World) -> None:
    world.tables.owned = {}

    with pytest.raises(KeyError):
        await world.tables.run(Stream(world.event(GOOD)))

    assert world.fatal == ["tables agent"]


async def test_history_gets_raw_records_and_is_tried_until_it_takes_them(world: World) -> None:
    world.store.failures = 2
    event = world.event(GOOD, POISON)

    await world.history.run(Stream(event))

    assert [[(r.offset, r.value, r.headers) for r in batch] for batch in world.store.written] == [
        [(0, GOOD.value, HEADERS), (1, b"{", HEADERS)]
    ]
    assert event.acked


async def test_what_history_cannot_keep_is_buried_before_the_acknowledgement(world: World) -> None:
    world.store.letters = [DeadLetter(LogRecord(0, 1, 5, None, None), "history", "decode", "")]  # type: ignore[arg-type]
    event = world.event(POISON)

    await world.history.run(Stream(event))

    assert world.letters.kept == world.store.letters
    assert event.acked


async def test_a_history_batch_that_was_taken_from_us_is_given_up(world: World) -> None:
    world.store.failures = 10**9
    event = world.event(GOOD)
    running = asyncio.create_task(world.history.run(Stream(event)))
    for _ in range(20):
        await asyncio.sleep(0)
    world.app.consumer_generation_id = 2
    async with asyncio.timeout(5):
        await running

    assert not event.acked


async def test_a_fault_of_the_history_ends_the_process(world: World) -> None:
    world.store.letters = None  # type: ignore[assignment]

    async def broken(_: object) -> None:
        raise ZeroDivisionError

    world.store.write = broken  # type: ignore[assignment, method-assign]

    with pytest.raises(ZeroDivisionError):
        await world.history.run(Stream(world.event(GOOD)))
    assert world.fatal == ["history agent"]


async def test_history_batches_that_arrive_together_become_one_transaction(world: World) -> None:
    first, second = world.event(GOOD), world.event(POISON)

    await world.history.run(Stream(first, second))

    assert [[r.offset for r in batch] for batch in world.store.written] == [[0, 1]]
    assert first.acked
    assert second.acked


async def test_history_takes_no_more_than_it_may_hold_before_it_writes() -> None:
    world = World(history_batch=1)

    await world.history.run(Stream(world.event(GOOD), world.event(POISON)))

    assert [[r.offset for r in batch] for batch in world.store.written] == [[0], [1]]
