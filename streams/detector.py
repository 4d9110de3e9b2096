"""The failure detector: tells every partition that a node is lost, when its lease ran out by the log's own time.

The rule is `presence.domain.leases`. There must be one detector and no election of its own: it is the worker that owns
partition 0 of ``presence-events``. (Owning ``presence-nodes`` itself through Faust would need a second subscription
with another number of partitions, and offsets that nobody wants committed: a detector always reads all of the topic.)
Two detectors at once, for the moment of a rebalance, do no harm: a tick of another detector starts all countdowns anew,
and losses told twice are folded once.

It reads the topic from its beginning through `NodeFeed` and acts only after its own first tick came back, so that it
has seen everything that was there before it.
"""

import asyncio

import structlog

from presence.domain.errors import LogUnavailable
from presence.domain.events import NodeLost
from presence.domain.ids import EventId, Millis
from presence.domain.leases import LeaseLost, Leases, NodeRecord, Tick, observe
from presence.ports import Clock, EventLog, IdSource, NodeFeed
from presence.wire.events import control_key
from streams.config import StreamsConfig
from streams.metrics import StreamsMetrics

_RETRY_S = 1.0
_TELL_AGAIN_S = 5.0
_log = structlog.get_logger()


class Detector:
    """Watches the leases while `run` runs."""

    def __init__(
        self,
        config: StreamsConfig,
        log: EventLog,
        feed: NodeFeed,
        clock: Clock,
        ids: IdSource,
        metrics: StreamsMetrics,
    ) -> None:
        self._config = config
        self._log = log
        self._feed = feed
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._name = ""
        self._leases = Leases()
        self._is_live = False
        self._told: dict[LeaseLost, float] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        self._metrics.is_detector.set(1)
        try:
            while True:
                try:
                    async with asyncio.TaskGroup() as tasks:
                        self._begin()
                        tasks.create_task(self._tick())
                        tasks.create_task(self._follow())
                except* LogUnavailable as group:
                    _log.warning("detector starts anew", error=str(group.exceptions[0]))
                    await asyncio.sleep(_RETRY_S)
        finally:
            self._metrics.is_detector.set(0)

    def _begin(self) -> None:
        self._name = f"{self._config.instance}/{self._ids.new_id()}"
        self._leases = Leases()
        self._is_live = False
        self._told = {}

    async def _tick(self) -> None:
        while True:
            try:
                await self._log.append_node_record(Tick(self._name))
            except LogUnavailable as exc:
                # The gap between ticks tells by itself: nobody is lost for a log that was away.
                _log.warning("tick not appended", error=str(exc))
            await asyncio.sleep(self._config.tick_s)

    async def _follow(self) -> None:
        async for at, record in self._feed.follow():
            self.observe(at, record)
            if self._is_live and isinstance(record, Tick):
                await self._tell()

    def observe(self, at: Millis, record: NodeRecord) -> None:
        """Fold one record of the topic."""
        config = self._config
        self._leases = observe(self._leases, record, at, Millis(config.lease_ms), Millis(config.max_tick_gap_ms))
        if isinstance(record, Tick) and record.detector == self._name:
            self._is_live = True
        self._metrics.nodes.set(len(self._leases.by_node))

    async def _tell(self) -> None:
        """Tell the partitions what is owed, then the topic that it was told; what fails is tried at the next tick."""
        for lost in self._leases.owed:
            told_at = self._told.get(lost)
            if told_at is not None and self._clock.monotonic() - told_at < _TELL_AGAIN_S:
                continue  # its LeaseLost is on its way back
            try:
                await self._tell_one(lost)
                self._told[lost] = self._clock.monotonic()
            except LogUnavailable as exc:
                _log.warning("loss of a node not told", node=lost.node, error=str(exc))
                return

    async def _tell_one(self, lost: LeaseLost) -> None:
        event = NodeLost(
            EventId(f"node_lost/{lost.node}/{lost.node_epoch}"),
            lost.node,
            lost.node_epoch,
            Millis(self._config.grace_ms),
        )
        await self._log.append_everywhere(control_key(lost.node), event, self._clock.now())
        await self._log.append_node_record(lost)
        self._metrics.nodes_lost.inc()
        _log.warning("node lost", node=lost.node, node_epoch=lost.node_epoch)
