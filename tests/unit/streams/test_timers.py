"""Expiries are appended when they are due, again when they do not come back, and not at all when they are void."""

from prometheus_client import CollectorRegistry

from presence.adapters.memory.log import MemoryEventLog
from presence.adapters.memory.time import FakeClock
from presence.domain.events import Event, GraceOver, Stamp
from presence.domain.ids import UserKey
from presence.wire.events import decode_event
from streams.batching.rows import PartitionState
from streams.config import StreamsConfig
from streams.metrics import StreamsMetrics
from streams.owned import OwnedPartition
from streams.timers import Timers
from tests.support.scenes import key, lost, opened

CONFIG = StreamsConfig("nowhere:1", partitions=2, timer_recheck_ms=5_000)
ANN = key("ann")


class Scene:
    """One partition whose events are folded only when the test says so."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.log = MemoryEventLog(2)
        self.owned = OwnedPartition(PartitionState(1))
        self.registry = CollectorRegistry()
        self.timers = Timers(CONFIG, self.log, self.clock, StreamsMetrics(self.registry))
        self.timers.own({1: self.owned})
        self.offset = 0

    def fold(self, name: UserKey, event: Event) -> None:
        changes = self.owned.fold.apply(name, event, Stamp(self.offset, self.clock.now()))
        self.offset += 1
        self.timers.observe(1, changes)

    async def pass_time(self, ms: int) -> list[Event]:
        """Advance, fire; return what was appended by that."""
        records = self.log.partitions[1]
        before = len(records)
        await self.timers.fire(self.clock.advance(ms))
        return [decode_event(r.value, r.headers) for r in records[before:]]


async def test_the_end_of_a_grace_is_appended_when_it_is_due_and_folded_by_nobody_here() -> None:
    scene = Scene()
    scene.fold(ANN, opened("ann"))
    scene.fold(ANN, lost("ann", grace_ms=1_000))

    early = await scene.pass_time(999)
    due = await scene.pass_time(1)

    assert early == []
    assert [type(event) for event in due] == [GraceOver]
    assert len(scene.owned.users[ANN].sessions) == 1


async def test_an_expiry_that_came_back_is_not_appended_again() -> None:
    scene = Scene()
    scene.fold(ANN, opened("ann"))
    scene.fold(ANN, lost("ann", grace_ms=1_000))
    (over,) = await scene.pass_time(1_000)
    scene.fold(ANN, over)

    assert await scene.pass_time(CONFIG.timer_recheck_ms + 1) == []


async def test_an_expiry_that_does_not_come_back_is_appended_again() -> None:
    scene = Scene()
    scene.fold(ANN, opened("ann"))
    scene.fold(ANN, lost("ann", grace_ms=1_000))
    first = await scene.pass_time(1_000)

    soon = await scene.pass_time(CONFIG.timer_recheck_ms - 1)
    later = await scene.pass_time(1)

    assert soon == []
    assert later == first


async def test_a_log_that_is_away_is_tried_again_soon() -> None:
    scene = Scene()
    scene.fold(ANN, opened("ann"))
    scene.fold(ANN, lost("ann", grace_ms=1_000))
    scene.log.available = False
    refused = await scene.pass_time(1_000)
    scene.log.available = True

    assert refused == []
    assert [type(event) for event in await scene.pass_time(1_000)] == [GraceOver]
    assert scene.registry.get_sample_value("presence_streams_expiry_failures_total") == 1


async def test_who_comes_back_in_time_does_not_expire() -> None:
    scene = Scene()
    scene.fold(ANN, opened("ann"))
    scene.fold(ANN, lost("ann", grace_ms=1_000))
    scene.fold(ANN, opened("ann"))

    assert await scene.pass_time(10_000) == []


async def test_what_was_due_while_nobody_watched_is_appended_after_recovery() -> None:
    scene = Scene()
    scene.fold(ANN, opened("ann"))
    scene.fold(ANN, lost("ann", grace_ms=1_000))
    scene.timers.disown()
    unwatched = await scene.pass_time(60_000)

    scene.timers.own({1: OwnedPartition(scene.owned.state)})

    assert unwatched == []
    assert [type(event) for event in await scene.pass_time(0)] == [GraceOver]


async def test_changes_of_partitions_that_are_not_ours_are_not_watched() -> None:
    scene = Scene()
    changes = scene.owned.fold.apply(ANN, opened("ann"), Stamp(0, scene.clock.now()))

    scene.timers.observe(0, changes)

    assert scene.registry.get_sample_value("presence_streams_deadlines") == 0
