"""The detector acts by the log's time, only after it has seen everything, and tells each loss until it is confirmed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from presence.adapters.memory.log import MemoryEventLog
from presence.adapters.memory.nodes import MemoryNodeFeed
from presence.adapters.memory.time import CountingIds, FakeClock
from presence.domain.errors import LogUnavailable
from presence.domain.events import NodeLost
from presence.domain.ids import Millis, NodeEpoch, NodeId, UserKey
from presence.domain.leases import Heartbeat, LeaseLost, NodeRecord, Tick
from presence.ports import Appended
from presence.wire.events import decode_event
from streams.config import StreamsConfig
from streams.detector import Detector
from streams.metrics import StreamsMetrics

NODE, EPOCH = NodeId("edge-1"), NodeEpoch(3)
# Ticks come when the test lets them; what counts is the time that the log gives them.
CONFIG = StreamsConfig("nowhere:1", partitions=2, tick_s=0.0)


class TimedLog(MemoryEventLog):
    """A log in memory whose node records get the broker's time and come back through the feed."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(2)
        self.clock = clock
        self.feed = MemoryNodeFeed()
        self.step_ms = 1_000
        self.refuses_losses = False
        self._allowed = asyncio.Semaphore(0)

    async def tick(self, count: int = 1) -> None:
        """Let the detector tick, a second of the log's time each, and act upon it."""
        for _ in range(count):
            self._allowed.release()
            for _ in range(25):
                await asyncio.sleep(0)

    async def append_node_record(self, record: NodeRecord) -> Appended:
        if isinstance(record, Tick) and not record.detector.startswith("dead"):
            await self._allowed.acquire()
        proof = await super().append_node_record(record)
        if isinstance(record, Tick):
            self.clock.advance(self.step_ms)
        self.feed.publish(self.clock.now(), record)
        return proof

    async def append_everywhere(self, key: UserKey, event: NodeLost, at: Millis) -> list[Appended]:
        if self.refuses_losses:
            raise LogUnavailable("told to refuse")
        return await super().append_everywhere(key, event, at)

    def losses(self) -> list[list[object]]:
        return [[decode_event(r.value, r.headers) for r in records] for records in self.partitions]


@pytest.fixture
def log() -> TimedLog:
    return TimedLog(FakeClock())


@asynccontextmanager
async def detecting(log: TimedLog, instance: str = "w") -> AsyncIterator[CollectorRegistry]:
    registry = CollectorRegistry()
    detector = Detector(
        replace(CONFIG, instance=instance), log, log.feed, log.clock, CountingIds(), StreamsMetrics(registry)
    )
    task = asyncio.create_task(detector.run())
    try:
        yield registry
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_silent_node_is_told_to_every_partition_and_then_confirmed(log: TimedLog) -> None:
    await log.append_node_record(Heartbeat(NODE, EPOCH))

    async with detecting(log) as registry:
        await log.tick(11)
        early = log.losses()
        await log.tick(2)
        is_detector = registry.get_sample_value("presence_streams_is_detector")

    assert early == [[], []]
    first, second = log.losses()
    assert first == second
    assert [(e.node, e.node_epoch, e.grace_ms) for e in first if isinstance(e, NodeLost)] == [(NODE, EPOCH, 15_000)]
    assert log.node_records.count(LeaseLost(NODE, EPOCH)) == 1
    assert is_detector == 1
    assert registry.get_sample_value("presence_streams_is_detector") == 0
    assert registry.get_sample_value("presence_streams_nodes_lost_total") == 1


async def test_a_node_that_keeps_its_lease_is_left_alone(log: TimedLog) -> None:
    async with detecting(log):
        for _ in range(20):
            await log.append_node_record(Heartbeat(NODE, EPOCH))
            await log.tick(9)

    assert log.losses() == [[], []]


async def test_the_silence_before_it_watched_is_held_against_nobody(log: TimedLog) -> None:
    await log.append_node_record(Heartbeat(NODE, EPOCH))
    log.clock.advance(3_600_000)

    async with detecting(log):
        await log.tick(11)
        early = log.losses()
        await log.tick(2)

    assert early == [[], []]
    assert any(log.losses())


async def test_gaps_in_its_own_ticks_expire_nobody(log: TimedLog) -> None:
    log.step_ms = CONFIG.max_tick_gap_ms + 1
    await log.append_node_record(Heartbeat(NODE, EPOCH))

    async with detecting(log):
        await log.tick(50)

    assert log.losses() == [[], []]


async def test_a_loss_that_the_log_refuses_is_told_later(log: TimedLog) -> None:
    log.refuses_losses = True
    await log.append_node_record(Heartbeat(NODE, EPOCH))

    async with detecting(log):
        await log.tick(20)
        refused = LeaseLost(NODE, EPOCH) in log.node_records
        log.refuses_losses = False
        await log.tick()

    assert not refused
    assert all(len(losses) == 1 for losses in log.losses())


async def test_a_node_that_restarted_loses_its_earlier_life(log: TimedLog) -> None:
    async with detecting(log):
        await log.append_node_record(Heartbeat(NODE, EPOCH))
        await log.append_node_record(Heartbeat(NODE, NodeEpoch(EPOCH + 1)))
        await log.tick(2)

    assert LeaseLost(NODE, EPOCH) in log.node_records
    assert LeaseLost(NODE, NodeEpoch(EPOCH + 1)) not in log.node_records


async def test_a_loss_that_another_detector_left_behind_is_told(log: TimedLog) -> None:
    await log.append_node_record(Heartbeat(NODE, EPOCH))
    for _ in range(15):
        await log.append_node_record(Tick("dead/1"))

    async with detecting(log):
        await log.tick()

    assert LeaseLost(NODE, EPOCH) in log.node_records


class FailingFeed:
    """Fails once, then follows."""

    def __init__(self, feed: MemoryNodeFeed) -> None:
        self.feed = feed
        self.publish = feed.publish
        self.failed = False

    async def read_all(self) -> Sequence[tuple[Millis, NodeRecord]]:
        return await self.feed.read_all()

    async def follow(self) -> AsyncIterator[tuple[Millis, NodeRecord]]:
        if not self.failed:
            self.failed = True
            raise LogUnavailable("told to fail")
        async for item in self.feed.follow():
            yield item


async def test_a_feed_that_fails_is_followed_anew(log: TimedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.detector._RETRY_S", 0.0)
    await log.append_node_record(Heartbeat(NODE, EPOCH))
    log.feed = FailingFeed(log.feed)  # type: ignore[assignment]

    async with detecting(log):
        await log.tick(15)

    assert LeaseLost(NODE, EPOCH) in log.node_records
