"""A node's lease: choose an epoch, renew it, and notice that it was lost."""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from presence.domain.errors import LogUnavailable
from presence.domain.ids import Millis, NodeEpoch, NodeId
from presence.domain.leases import Heartbeat, LeaseLost, NodeRecord, NodeStopped, Tick
from presence.ports import Clock, EventLog, NodeFeed
from presence.telemetry.health import Health

CHECK = "lease"

_RETRY_S = 0.5

_log = structlog.get_logger()


def next_epoch(node: NodeId, records: Iterable[tuple[Millis, NodeRecord]], now: Millis) -> NodeEpoch:
    """An epoch above every one this node ever had; by the clock, so that a compacted past does not matter."""
    seen = [r.node_epoch for _, r in records if not isinstance(r, Tick) and r.node == node]
    return NodeEpoch(max([now, *(epoch + 1 for epoch in seen)]))


class Lease:
    """Renews the lease of one node in its present epoch."""

    def __init__(
        self,
        node: NodeId,
        log: EventLog,
        nodes: NodeFeed,
        clock: Clock,
        health: Health,
        *,
        heartbeat_ms: int,
        connections: Callable[[], int],
        on_new_epoch: Callable[[NodeEpoch], None],
    ) -> None:
        self._node = node
        self._log = log
        self._nodes = nodes
        self._clock = clock
        self._health = health
        self._heartbeat_s = heartbeat_ms / 1000
        self._connections = connections
        self._on_new_epoch = on_new_epoch
        self._renew = asyncio.Event()
        self.epoch = NodeEpoch(0)

    async def acquire(self) -> None:
        """Choose an epoch and take the lease; waits for the log if need be."""
        while True:
            try:
                self.epoch = next_epoch(self._node, await self._nodes.read_all(), self._clock.now())
                await self._beat()
            except LogUnavailable as exc:
                self._health.fail(CHECK, f"the log does not answer: {exc}")
                await asyncio.sleep(_RETRY_S)
            else:
                self._on_new_epoch(self.epoch)
                self._health.ok(CHECK)
                _log.info("lease taken", node=self._node, node_epoch=self.epoch)
                return

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._heartbeat_s):
                    await self._renew.wait()
            except TimeoutError:
                pass
            self._renew.clear()
            try:
                await self._beat()
            except LogUnavailable:
                self._health.fail(CHECK, "the lease could not be renewed")
                self._renew.set()
                await asyncio.sleep(_RETRY_S)
            else:
                self._health.ok(CHECK)

    async def watch(self) -> None:
        """Read the nodes' topic; when the present epoch is declared lost, begin another."""
        while True:
            try:
                async for _, record in self._nodes.follow():
                    if isinstance(record, LeaseLost) and record.node == self._node and record.node_epoch >= self.epoch:
                        self._begin_anew(record.node_epoch)
            except LogUnavailable as exc:
                _log.warning("nodes cannot be followed", reason=str(exc))
                await asyncio.sleep(_RETRY_S)

    async def release(self) -> None:
        """Give the lease back after all sessions were let go of. Raises `LogUnavailable`."""
        await self._log.append_node_record(NodeStopped(self._node, self.epoch))

    def fence(self) -> None:
        """Give the present epoch up without waiting to be told: we were frozen for longer than a lease."""
        self._begin_anew(self.epoch)

    def _begin_anew(self, lost: NodeEpoch) -> None:
        _log.warning("lease lost", node=self._node, node_epoch=self.epoch)
        self._health.fail(CHECK, "the lease was lost; taking a new one")
        self.epoch = NodeEpoch(max(self._clock.now(), lost + 1))
        self._on_new_epoch(self.epoch)
        self._renew.set()

    async def _beat(self) -> None:
        await self._log.append_node_record(Heartbeat(self._node, self.epoch, self._connections()))
