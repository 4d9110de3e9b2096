"""End a worker that stands still: Faust only logs "has not processed" (drivers/aiokafka.py:827), nothing heals it.

Once a second it asks Kafka where the partitions end, which also tells whether Kafka answers. It ends the process when

* records wait in a partition and its committed offset did not move for ``watchdog_s``;
* a rebalance or recovery does not get on for four times as long;
* the process itself was frozen for longer than its session: its partitions may have another owner by now.

While Kafka is away, or a batch is held for a store that is away, standing still is right.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from faust.exceptions import FaustError

from presence.ports import Clock
from presence.telemetry.health import Health
from streams.batching.app import BatchingApp
from streams.config import StreamsConfig
from streams.metrics import StreamsMetrics
from streams.progress import Progress

_EVERY_S = 1.0
_FIRST_S = 0.05
"""Until the first answer, for which the readiness of a start waits."""
_ASK_TIMEOUT_S = 3.0
_RECOVERY_PATIENCE = 4
_log = structlog.get_logger()


class StandsStill(RuntimeError):
    """The worker makes no progress although it could."""


class Watchdog:
    """Watches one app."""

    def __init__(
        self,
        app: BatchingApp,
        config: StreamsConfig,
        clock: Clock,
        health: Health,
        metrics: StreamsMetrics,
        is_holding: Callable[[], bool],
    ) -> None:
        self._app = app
        self._config = config
        self._clock = clock
        self._health = health
        self._metrics = metrics
        self._is_holding = is_holding
        self._progress = Progress()
        self._has_asked = False
        self._stage: tuple[object, float] = (None, clock.monotonic())

    async def run(self) -> None:
        """Watch until cancelled. Raises `StandsStill`."""
        # Frozen for less it cannot have missed so many heartbeats that others own its partitions.
        tolerated_s = self._config.session_timeout_s - self._config.heartbeat_s
        while True:
            slept_at, worked_s = self._clock.monotonic(), time.process_time()
            pause_s = _EVERY_S if self._has_asked else _FIRST_S
            await asyncio.sleep(pause_s)
            now = self._clock.monotonic()
            # What was worked meanwhile was not frozen: heartbeats have a thread of their own.
            frozen_s = now - slept_at - pause_s - (time.process_time() - worked_s)
            if frozen_s > tolerated_s:
                raise StandsStill(f"the process was frozen for {frozen_s:.1f} s")
            await self._look(now)

    async def _look(self, now: float) -> None:
        if not self._app.consumer.started or not self._app.tables.recovery.completed.is_set() or self._app.rebalancing:
            self._progress.pardon()
            self._look_at_recovery(now)
            return
        self._stage = (None, now)
        partitions = {tp for tp in self._app.consumer.assignment() if tp.topic == self._config.names.events}
        try:
            async with asyncio.timeout(_ASK_TIMEOUT_S):
                ends, committed = await self._offsets(partitions)
        except (KafkaError, FaustError, OSError, TimeoutError) as exc:
            self._health.fail("kafka", f"no answer: {exc!r}")
            self._progress.pardon()
            return
        self._health.ok("kafka")
        self._has_asked = True
        self._publish(ends, committed)
        if self._is_holding():
            self._progress.pardon()
            return
        unmoved_s = self._progress.observe(committed, ends, now)
        self._metrics.unmoved_seconds.set(unmoved_s)
        if unmoved_s >= self._config.watchdog_s:
            raise StandsStill(f"records wait and nothing was committed for {unmoved_s:.0f} s: {committed} of {ends}")

    def _look_at_recovery(self, now: float) -> None:
        tables = [getattr(table, "states", {}) for table in self._app.tables.values()]
        offsets = [(number, state.offset) for states in tables for number, state in states.items()]
        stage = (self._app.rebalancing_count, tuple(offsets))
        if stage != self._stage[0]:
            self._stage = (stage, now)
        elif now - self._stage[1] >= _RECOVERY_PATIENCE * self._config.watchdog_s:
            raise StandsStill(f"the rebalance does not get on since {now - self._stage[1]:.0f} s")

    async def _offsets(self, partitions: set[Any]) -> tuple[Mapping[int, int], Mapping[int, int]]:
        consumer = self._app.consumer
        ends = await consumer.highwaters(*partitions) if partitions else {}
        # What Faust knows to be committed; None when nothing ever was.
        committed = {tp: consumer._committed_offset[tp] for tp in partitions}  # noqa: SLF001 - there is no public one
        unknown = [tp for tp, offset in committed.items() if offset is None]
        if unknown:
            committed |= await consumer.earliest_offsets(*unknown)
        return {tp.partition: end for tp, end in ends.items()}, {tp.partition: at for tp, at in committed.items()}

    def _publish(self, ends: Mapping[int, int], committed: Mapping[int, int]) -> None:
        self._metrics.lag.clear()
        for partition, end in ends.items():
            self._metrics.lag.labels(self._app.conf.id, str(partition)).set(max(0, end - committed.get(partition, 0)))
        self._metrics.partitions.set(len(ends))
