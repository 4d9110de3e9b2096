"""Batches are delivered in order, and committed only up to the first one that is not acknowledged."""

import asyncio
import time
from typing import Any

import pytest
from aiokafka.structs import TopicPartition
from faust.exceptions import ProducerSendError
from faust.types.tuples import TP

from streams.batching.consumer import BatchConsumer
from tests.unit.streams.batching.conftest import Record, World

EVENTS = TP("presence-events", 0)
RAW = TopicPartition("presence-events", 0)


def records(*offsets: int) -> list[Record]:
    return [Record(offset, b"k", b"v") for offset in offsets]


class Consumer:
    """The real consumer with a fetch that the test answers."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        consumer = world.app.consumer
        assert isinstance(consumer, BatchConsumer)
        self.real = consumer
        self.fetched: dict[TopicPartition, list[Record]] = {}
        self.during_fetch = lambda: None
        self.committed: dict[TopicPartition, int | None] = {RAW: None}
        self.sought: list[dict[Any, int]] = []
        # What the conductor knows after it subscribed.
        world.app.topics._topic_name_index["presence-events"] = {
            topic for topic in world.app.topics if "presence-events" in topic.topics
        } or {next(iter(world.app.agents.values())).channel}
        world.app.topics._acking_topics.add("presence-events")

        async def wait_next(_timeout: float) -> tuple[Any, Any]:
            self.during_fetch()
            return self.fetched, {RAW}

        async def seek_to_committed() -> dict[TopicPartition, int | None]:
            return self.committed

        async def seek_wait(partitions: dict[Any, int]) -> None:
            self.sought.append(partitions)

        consumer._active_partitions = {EVENTS}
        monkeypatch.setattr(consumer, "_wait_next_records", wait_next)
        monkeypatch.setattr(consumer, "seek_to_committed", seek_to_committed)
        monkeypatch.setattr(consumer, "seek_wait", seek_wait)
        monkeypatch.setattr(consumer, "highwater", lambda _tp: 0)

    async def batches(self) -> list[list[int]]:
        """What one call yields, as offsets."""
        return [[r.offset for r in message.value] async for _, message in self.real.getmany(1.0)]

    def ack(self, last: int) -> None:
        """What the stream does for an acknowledged batch."""
        self.real._acked_index[EVENTS].add(last)
        self.real._acked[EVENTS].append(last)


@pytest.fixture
def consumer(world: World, monkeypatch: pytest.MonkeyPatch) -> Consumer:
    return Consumer(world, monkeypatch)


async def test_records_come_in_batches_of_at_most_the_size(consumer: Consumer) -> None:
    consumer.real.batch_size = 2
    consumer.fetched = {RAW: records(5, 6, 9)}

    assert await consumer.batches() == [[5, 6], [9]]


async def test_only_what_is_acknowledged_without_a_hole_is_committed(consumer: Consumer) -> None:
    consumer.real.batch_size = 2
    consumer.fetched = {RAW: records(0, 1, 2, 3, 4, 5)}
    await consumer.batches()

    before = consumer.real._new_offset(EVENTS)
    consumer.ack(3)
    out_of_order = consumer.real._new_offset(EVENTS)
    consumer.ack(1)
    both = consumer.real._new_offset(EVENTS)
    again = consumer.real._new_offset(EVENTS)
    consumer.ack(5)

    assert (before, out_of_order, both, again) == (None, None, 4, 4)
    assert consumer.real._new_offset(EVENTS) == 6
    assert consumer.real._acked[EVENTS] == []
    assert consumer.real._acked_index[EVENTS] == set()


async def test_holes_between_batches_are_not_taken_for_acknowledged(consumer: Consumer) -> None:
    await consumer.real._add_gap(EVENTS, 1, 500)

    assert not consumer.real._gap[EVENTS]


async def test_a_batch_that_the_fetcher_would_drop_is_not_waited_for(consumer: Consumer) -> None:
    consumer.real._read_offset[EVENTS] = 10
    consumer.fetched = {RAW: records(3, 4)}

    assert await consumer.batches() == []
    assert not consumer.real._delivered[EVENTS]


async def test_a_fetch_that_a_seek_overtook_is_thrown_away_and_sought_again(consumer: Consumer) -> None:
    def overtake() -> None:
        consumer.real._seeks += 1

    consumer.fetched, consumer.during_fetch = {RAW: records(7, 8)}, overtake

    assert await consumer.batches() == []
    assert consumer.sought == [{RAW: 0}]


async def test_a_stopped_flow_delivers_nothing_and_goes_back(consumer: Consumer) -> None:
    consumer.fetched = {RAW: records(7, 8)}
    consumer.real.flow_active = False

    assert await consumer.batches() == []
    assert consumer.sought == [{RAW: 0}]


async def test_partitions_that_are_not_active_are_not_delivered(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_active(_timeout: float) -> tuple[Any, Any]:
        return {RAW: records(1)}, set()

    monkeypatch.setattr(consumer.real, "_wait_next_records", nothing_active)

    assert await consumer.batches() == []


async def test_without_any_active_partition_it_looks_again_soon(consumer: Consumer) -> None:
    consumer.real._active_partitions = set()
    consumer.fetched = {RAW: records(1)}

    assert await consumer.batches() == []
    assert not consumer.real._delivered[EVENTS]


async def test_a_seek_forgets_what_was_delivered(consumer: Consumer) -> None:
    consumer.fetched = {RAW: records(0, 1)}
    await consumer.batches()
    consumer.committed = {RAW: 1}

    await consumer.real.perform_seek()
    consumer.ack(1)

    assert consumer.real._new_offset(EVENTS) is None
    assert consumer.sought == []
    assert consumer.real._read_offset[EVENTS] == 1


async def test_a_partition_without_a_committed_offset_is_read_from_its_start(consumer: Consumer) -> None:
    """Aiokafka leaves such a partition where it is: records dropped by a rebalance were never seen again."""
    consumer.real._read_offset[EVENTS] = 50

    await consumer.real.perform_seek()

    assert consumer.sought == [{RAW: 0}]
    assert consumer.real._read_offset[EVENTS] is None


async def test_only_the_changelog_is_paused_in_the_fetcher(
    consumer: Consumer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust's own pause only filters; aiokafka then waits 100 ms for the changelog it fetched to be taken."""
    calls: list[Any] = []
    thread = consumer.real._thread
    monkeypatch.setattr(thread.thread_loop, "call_soon_threadsafe", lambda work, tps: calls.append((work, tps)))
    changelog = TP(world.changelog, 1)

    consumer.real.pause_partitions({EVENTS, changelog})
    consumer.real.resume_partitions({EVENTS, changelog})
    consumer.real.resume_partitions({EVENTS})

    assert calls == [(thread.pause, [changelog]), (thread.resume, [changelog])]


async def test_waiting_for_batches_in_work_ends(consumer: Consumer) -> None:
    class Message:
        acked = False

    stuck = Message()
    consumer.real._unacked_messages.add(stuck)
    consumer.real.drain_timeout_s = 0.1
    started = time.monotonic()

    async with asyncio.timeout(5):
        await consumer.real.wait_empty()

    assert time.monotonic() - started < 2


async def test_nothing_is_committed_while_the_changelog_is_behind(
    consumer: Consumer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Behind:
        async def flush(self) -> None:
            raise ProducerSendError("behind")

    monkeypatch.setattr(world.app, "_producer", Behind())

    assert await consumer.real._commit_offsets({EVENTS: 5}) is False
    assert consumer.real._committed_offset[EVENTS] is None
