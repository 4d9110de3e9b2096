"""Following the changelog: load it, tail it, and notice when it stands still."""

import asyncio
from collections.abc import Mapping

import structlog

from presence.domain.errors import LogUnavailable
from presence.ports import Changelog
from presence.telemetry.health import Health
from ws_edge.codes import Code
from ws_edge.edge import Edge
from ws_edge.freshness import Condition, Freshness

CHECK = "feed"

_RETRY_S = 0.5
_LOADING_PROBE_S = 0.02

_log = structlog.get_logger()


class FeedFollower:
    """Feeds an edge from the changelog."""

    def __init__(self, edge: Edge, changelog: Changelog, health: Health) -> None:
        self._edge = edge
        self._changelog = changelog
        self._health = health
        self._goal: Mapping[int, int] | None = None
        self._epoch = ""
        self._freshness = Freshness(edge.config.stale_after_ms, edge.now().mono)
        self.is_loaded = asyncio.Event()

    async def run(self) -> None:
        """Load and tail, again from the beginning when the feed turns out to be another one."""
        while True:
            try:
                await self._follow()
            except LogUnavailable as exc:
                self._health.fail(CHECK, f"the changelog cannot be followed: {exc}")
                _log.warning("changelog cannot be followed", reason=str(exc), loaded=self.is_loaded.is_set())
                self.is_loaded.clear()
                self._edge.forget_feed()
                self._goal = None
                await asyncio.sleep(_RETRY_S)

    async def probe(self) -> None:
        """Ask where the feed ends, tell whether we are behind. Never returns."""
        interval_s = self._edge.config.probe_ms / 1000
        answered = True
        while True:
            if not self.is_loaded.is_set():
                await asyncio.sleep(_LOADING_PROBE_S)
                self._check_loaded()
                continue
            # Sooner after a failure, which took its time already, and judged before the next: 3 s are promised.
            await asyncio.sleep(interval_s if answered else interval_s / 4)
            if not answered:
                self._judge()
            try:
                async with asyncio.timeout(interval_s):
                    high_water = await self._changelog.high_water()
            except (LogUnavailable, TimeoutError):
                answered = False
            else:
                answered = True
                self._freshness.probed(high_water, self._changelog.positions(), self._edge.now().mono)
            self._judge()

    async def _follow(self) -> None:
        self._epoch = await self._changelog.feed_epoch()
        # Whether it is reached is looked at once the following has begun: positions may be those of another feed now.
        self._goal = await self._changelog.high_water()
        async for batches in self._changelog.follow():
            self._edge.take(batches)
            if not self.is_loaded.is_set():
                self._check_loaded()

    def _check_loaded(self) -> None:
        goal, positions = self._goal, self._changelog.positions()
        if goal is None or any(positions.get(partition, 0) < end for partition, end in goal.items()):
            return
        for partition, end in goal.items():
            self._edge.relay.view.advance(partition, end - 1)
        self._edge.relay.loaded(self._epoch)
        self._freshness = Freshness(self._edge.config.stale_after_ms, self._edge.now().mono)
        self.is_loaded.set()
        self._health.ok(CHECK)
        _log.info("view loaded", users=len(self._edge.relay.view), records=sum(goal.values()))

    def _judge(self) -> None:
        now = self._edge.now().mono
        condition = self._freshness.condition(now)
        relay, metrics = self._edge.relay, self._edge.metrics
        metrics.lag.set(self._freshness.lag)
        metrics.view_users.set(len(relay.view))
        metrics.undecodable.set(relay.view.undecodable)
        if relay.hub is not None:
            metrics.coalesced.set(relay.hub.coalesced)
        relay.set_stale(self._edge.sockets, stale=condition is not Condition.FRESH)
        match condition:
            case Condition.FRESH:
                self._health.ok(CHECK)
            case Condition.AWAY:
                self._health.fail(CHECK, "Kafka does not answer")
            case Condition.BEHIND:
                self._health.fail(CHECK, f"the view is {self._freshness.behind_for(now)} ms behind")
                if self._freshness.stuck_for(now) > self._edge.config.feed_dead_ms:
                    self._edge.close_all(Code.TRY_LATER)
