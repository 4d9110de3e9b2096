"""The watchdog ends what stands still without a reason, and nothing else."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.types.tuples import TP
from prometheus_client import CollectorRegistry

from presence.adapters.memory.time import FakeClock
from presence.telemetry.health import Health
from streams.config import StreamsConfig
from streams.metrics import StreamsMetrics
from streams.watchdog import StandsStill, Watchdog

CONFIG = StreamsConfig("nowhere:1", watchdog_s=15.0)
EVENTS = TP(CONFIG.names.events, 0)


class Consumer:
    """What the watchdog asks."""

    def __init__(self) -> None:
        self.started = True
        self._committed_offset: dict[TP, int | None] = {EVENTS: 5}
        self.ends = {EVENTS: 9}
        self.is_away = False

    def assignment(self) -> set[TP]:
        return {EVENTS, TP(CONFIG.names.users_changelog, 0)}

    async def highwaters(self, *tps: TP) -> dict[TP, int]:
        if self.is_away:
            raise KafkaConnectionError
        return {tp: self.ends[tp] for tp in tps}

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 3)


class World:
    def __init__(self) -> None:
        self.consumer = Consumer()
        self.rebalancing = False
        self.rebalancing_count = 1
        self.completed = asyncio.Event()
        self.completed.set()
        self.clock = FakeClock()
        self.health = Health("kafka")
        self.registry = CollectorRegistry()
        self.is_holding = False
        self.watchdog = Watchdog(
            self,  # type: ignore[arg-type]
            CONFIG,
            self.clock,
            self.health,
            StreamsMetrics(self.registry),
            lambda: self.is_holding,
        )

    @property
    def tables(self) -> Any:
        class Tables(dict[str, object]):
            recovery = self

        return Tables()

    @property
    def conf(self) -> Any:
        class Conf:
            id = "presence"

        return Conf

    async def look(self, after_s: float = 0.0) -> None:
        self.clock.advance(int(after_s * 1000))
        await self.watchdog._look(self.clock.monotonic())


@pytest.fixture
def world() -> World:
    return World()


async def test_records_that_wait_without_any_commit_end_the_process(world: World) -> None:
    await world.look()
    await world.look(14)

    with pytest.raises(StandsStill, match="nothing was committed for 15 s"):
        await world.look(1)


async def test_commits_show_progress_and_lag_is_published(world: World) -> None:
    for committed in range(5, 9):
        world.consumer._committed_offset[EVENTS] = committed
        await world.look(14)

    labels = {"app": "presence", "partition": "0"}
    assert world.registry.get_sample_value("presence_streams_lag_records", labels) == 1
    assert world.health.is_ready


async def test_nothing_waiting_is_no_reason_however_long(world: World) -> None:
    world.consumer._committed_offset[EVENTS] = 9

    await world.look()
    await world.look(3600)


async def test_what_was_never_committed_counts_from_where_the_log_begins(world: World) -> None:
    world.consumer._committed_offset[EVENTS] = None
    world.consumer.ends[EVENTS] = 3

    await world.look()
    await world.look(3600)

    assert world.registry.get_sample_value("presence_streams_lag_records", {"app": "presence", "partition": "0"}) == 0


async def test_a_batch_that_is_held_for_a_store_is_a_reason(world: World) -> None:
    world.is_holding = True
    for _ in range(10):
        await world.look(14)


async def test_a_kafka_that_is_away_is_a_reason_and_unready(world: World) -> None:
    world.consumer.is_away = True
    for _ in range(10):
        await world.look(14)

    assert not world.health.is_ready
    world.consumer.is_away = False
    await world.look()
    assert world.health.is_ready


async def test_a_rebalance_that_does_not_get_on_ends_the_process(world: World) -> None:
    world.rebalancing = True
    await world.look()
    await world.look(59)
    world.rebalancing_count = 2
    await world.look(59)

    with pytest.raises(StandsStill, match="does not get on"):
        await world.look(60)


async def test_a_process_that_was_frozen_for_longer_than_its_session_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def freeze(_: float) -> None:
        world.clock.advance(8_000)

    monkeypatch.setattr("streams.watchdog.asyncio.sleep", freeze)

    with pytest.raises(StandsStill, match=r"frozen for 7\.9 s"):
        await world.watchdog.run()
