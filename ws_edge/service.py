"""The shell of an edge: `run` starts its parts, serves until it is cancelled, and then drains."""

import asyncio
import contextlib
import socket as sockets
from collections.abc import Callable

import structlog

from presence.domain.errors import LogUnavailable, SetupError
from presence.domain.ids import NodeEpoch, NodeId
from presence.telemetry.health import Health
from ws_edge import feed, lease
from ws_edge.codes import Code
from ws_edge.config import EdgeConfig
from ws_edge.deadlines import SLOT_MS
from ws_edge.edge import Edge, EdgePorts
from ws_edge.feed import FeedFollower
from ws_edge.lease import Lease
from ws_edge.metrics import EdgeMetrics
from ws_edge.socket import Socket

ACCEPTING = "accepting"

CHECKS = (lease.CHECK, feed.CHECK, ACCEPTING)
"""What must hold for an edge to be ready: hand these to `Health`."""

_CLOSE_AT_ONCE = 500
_CLOSE_PAUSE_S = 0.02

_log = structlog.get_logger()


async def run(
    config: EdgeConfig,
    ports: EdgePorts,
    health: Health,
    metrics: EdgeMetrics,
    *,
    on_listening: Callable[[int], None] | None = None,
) -> None:
    """Serve until cancelled, then drain: no session is left to die, and watchers see nobody leave.

    Raises:
        SetupError: the settings contradict each other or the port is taken.
    """
    config.check()
    try:
        await _serve(config, ports, health, metrics, on_listening)
    except ExceptionGroup as failures:
        # The group of tasks wraps everything; a failure to start is for an operator to read.
        if (setup := failures.subgroup(SetupError)) is not None:
            raise setup.exceptions[0] from None
        raise


async def _serve(
    config: EdgeConfig,
    ports: EdgePorts,
    health: Health,
    metrics: EdgeMetrics,
    on_listening: Callable[[int], None] | None,
) -> None:
    async with asyncio.TaskGroup() as group:
        edge = Edge(config, ports, health, metrics, group.create_task)
        epochs = Lease(
            NodeId(config.node),
            ports.log,
            ports.nodes,
            ports.clock,
            health,
            heartbeat_ms=config.heartbeat_ms,
            connections=lambda: len(edge.sockets),
            on_new_epoch=_begin_life(edge, metrics),
        )
        follower = FeedFollower(edge, ports.changelog, health)
        group.create_task(follower.run(), name="feed")
        group.create_task(follower.probe(), name="probe")
        await epochs.acquire()
        await follower.is_loaded.wait()
        group.create_task(epochs.run(), name="heartbeat")
        group.create_task(epochs.watch(), name="nodes")
        group.create_task(edge.departures.run(), name="departures")
        edge.on_frozen = epochs.fence
        group.create_task(_every(SLOT_MS / 1000, edge.sweep), name="sweep")
        group.create_task(_every(config.room_pace_ms / 1000, edge.relay.pace), name="pace")
        server = await _listen(config, edge)
        port = server.sockets[0].getsockname()[1]
        health.ok(ACCEPTING)
        _log.info("accepting", host=config.host, port=port, node=config.node)
        if on_listening is not None:
            on_listening(port)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            health.fail(ACCEPTING, "draining")
            server.close()
            await _drain(edge, epochs)


async def _drain(edge: Edge, epochs: Lease) -> None:
    """Say the last word about every session, then send the connections elsewhere."""
    _log.info("draining", connections=len(edge.sockets))
    edge.is_draining = True
    try:
        async with asyncio.timeout(edge.config.drain_ms / 1000):
            edge.start_drain()
            await edge.departures.settled()
            victims = list(edge.sockets)
            for index, victim in enumerate(victims):
                retry_after_ms = edge.retry_after(index, len(victims))
                edge.perform(victim, victim.connection.dismiss(Code.RESTART, retry_after_ms))
                if index % _CLOSE_AT_ONCE == _CLOSE_AT_ONCE - 1:
                    await asyncio.sleep(_CLOSE_PAUSE_S)
            while edge.sockets:  # noqa: ASYNC110 - as in `Departures.settled`
                await asyncio.sleep(_CLOSE_PAUSE_S)
            await epochs.release()
    except (TimeoutError, LogUnavailable) as exc:
        # The lease runs out by itself then, and the sessions get their grace from there.
        _log.warning("drain incomplete", reason=repr(exc), connections=len(edge.sockets))
    for victim in list(edge.sockets):
        victim.cut()
    _log.info("drained")


def _begin_life(edge: Edge, metrics: EdgeMetrics) -> Callable[[NodeEpoch], None]:
    def begin(epoch: NodeEpoch) -> None:
        if edge.home.node_epoch:
            metrics.fenced.inc()
            edge.dismiss_all(Code.RESTART)
        edge.begin_life(epoch)

    return begin


async def _listen(config: EdgeConfig, edge: Edge) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(
            lambda: Socket(edge),
            config.host,
            config.port,
            reuse_port=config.reuse_port or None,
            backlog=config.accept_backlog,
        )
    except OSError as exc:
        raise SetupError(
            f"cannot listen on {config.host}:{config.port}: {exc.strerror or exc}",
            "Choose another port, or stop what uses this one.",
        ) from exc
    for listener in server.sockets:
        # Bytes the kernel may hold unsent before we feel it: without it megabytes pile up where we cannot see them.
        with contextlib.suppress(OSError, AttributeError):
            listener.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NOTSENT_LOWAT, config.send_high_water)
    return server


async def _every(seconds: float, act: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        act()
