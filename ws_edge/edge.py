"""An edge: its sockets, what is due for them, and the lives of its node."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Origin

from presence.domain.ids import NodeEpoch, NodeId, SessionId, UserKey
from presence.ports import Changelog, ChangelogBatch, Clock, EventLog, IdSource, NodeFeed, TokenVerifier
from presence.telemetry.health import Health
from ws_edge.admission import Home
from ws_edge.codes import Code
from ws_edge.config import EdgeConfig
from ws_edge.deadlines import Deadlines
from ws_edge.deeds import Deeds, Spawn, instant
from ws_edge.effects import Instant
from ws_edge.metrics import EdgeMetrics
from ws_edge.relay import Relay
from ws_edge.socket import Socket

_log = structlog.get_logger()


def _nobody() -> None:
    """Nobody needs to be told yet."""


@dataclass(frozen=True, slots=True)
class EdgePorts:
    """What an edge needs from the world."""

    log: EventLog
    changelog: Changelog
    nodes: NodeFeed
    tokens: TokenVerifier
    clock: Clock
    ids: IdSource


class Edge:
    """The parts put together. Everything runs in one event loop; tasks are made by ``spawn`` and outlive no edge."""

    def __init__(
        self, config: EdgeConfig, ports: EdgePorts, health: Health, metrics: EdgeMetrics, spawn: Spawn
    ) -> None:
        self.config = config
        self.metrics = metrics
        self.origins = None if config.origins is None else [o if o is None else Origin(o) for o in config.origins]
        self._ports = ports
        self._health = health
        self.sockets: set[Socket] = set()
        self._deadlines: Deadlines[Socket] = Deadlines(self.now().mono)
        self.relay = Relay(config, ports.clock, metrics)
        self._deeds = Deeds(config, ports.log, ports.tokens, ports.clock, metrics, self.relay, spawn, self.reschedule)
        self.departures = self._deeds.departures
        self.perform = self._deeds.perform
        self.is_draining = False
        self.on_frozen: Callable[[], None] = _nobody
        """Told when this process did not run for longer than its lease."""
        self._awake_at = self.now().mono
        self.home: Home = self._home(NodeEpoch(0))

    def now(self) -> Instant:
        """The time."""
        return instant(self._ports.clock)

    def awake(self, now: Instant) -> None:
        """Notice a freeze before anything that arrived meanwhile is taken: it would be acknowledged and not count."""
        asleep, self._awake_at = now.mono - self._awake_at, now.mono
        if asleep > self.config.lease_ms:
            _log.warning("was frozen", ms=asleep)
            self.on_frozen()

    # --- sockets ----------------------------------------------------------------------------------------------

    def connected(self, socket: Socket) -> None:
        """A TCP connection was accepted."""
        self.sockets.add(socket)
        self.metrics.connections.set(len(self.sockets))
        self.reschedule(socket)

    def disconnected(self, socket: Socket, code: int | None) -> None:
        """A TCP connection is gone."""
        self.sockets.discard(socket)
        self._deadlines.forget(socket)
        self.relay.drop(socket.subscriber)
        self._deeds.holders.release(socket)
        self.metrics.connections.set(len(self.sockets))
        self.metrics.closed.labels("none" if code is None else str(code)).inc()

    def refusal(self, ws: ServerProtocol, request: Request) -> Response | None:
        """The answer to a handshake that is not to be tried; None to go on."""
        if request.path.partition("?")[0] != self.config.path:
            return ws.reject(404, "Nothing here.\n")
        if not self._health.is_ready or self.is_draining:
            response = ws.reject(503, "Not ready; try again.\n")
            response.headers["Retry-After"] = "2"
            return response
        return None

    def answered(self, status: int) -> None:
        """A handshake was answered."""
        if status == 101:
            self.metrics.opened.inc()
        else:
            self.metrics.refused.labels(str(status)).inc()

    def slow_down(self, socket: Socket) -> None:
        """A client reads too slowly."""
        self.relay.slow_down(socket.subscriber)
        self._deadlines.schedule(socket, self.now().mono + self.config.slow_ms)

    def catch_up(self, socket: Socket) -> None:
        """It reads again."""
        self.relay.catch_up(socket)

    def sweep(self) -> None:
        """Do what is due; several times a second."""
        now = self.now()
        self.awake(now)
        for socket in self._deadlines.due(now.mono):
            if socket.closing_by is not None:
                if now.mono >= socket.closing_by:
                    socket.cut()
                    continue
            elif self._is_stuck(socket, now.mono):
                self.perform(socket, socket.connection.close(Code.SLOW_CONSUMER, now))
            else:
                self.perform(socket, socket.connection.tick(now))
            self.reschedule(socket)

    def reschedule(self, socket: Socket) -> None:
        """Have a socket looked at when it next needs it."""
        if socket not in self.sockets:
            return
        at = socket.connection.next_tick() if socket.closing_by is None else socket.closing_by
        if socket.slow_since is not None and socket.closing_by is None:
            at = min(at, socket.slow_since + self.config.slow_ms)
        self._deadlines.schedule(socket, at)

    def _is_stuck(self, socket: Socket, now: int) -> bool:
        if socket.slow_since is None or now < socket.slow_since + self.config.slow_ms:
            return False
        if socket.buffered <= socket.slow_size - self.config.send_high_water:
            # It drains, if slowly: another period.
            socket.slow_since, socket.slow_size = now, socket.buffered
            return False
        return True

    # --- the feed ---------------------------------------------------------------------------------------------

    def take(self, batches: Sequence[ChangelogBatch]) -> None:
        """Take rows of the changelog in: diffs go out, and who holds what is judged anew."""
        for change in self.relay.take(batches):
            self._deeds.judge(change.key)

    def forget_feed(self) -> None:
        """The feed is another one: what we know of it is void, and so is what clients hold."""
        self.close_all(Code.STATE_GAP)
        # Now, not when their sockets are gone: the hub that knows what they watch goes before that.
        for socket in self.sockets:
            self.relay.drop(socket.subscriber)
        self.relay.forget()

    # --- the node's life --------------------------------------------------------------------------------------

    def begin_life(self, epoch: NodeEpoch) -> None:
        """Connections from now on belong to this life of the node."""
        self.home = self._home(epoch)

    def dismiss_all(self, code: Code) -> None:
        """Send every connection away; their sessions are lost or will be, without our word."""
        sockets = list(self.sockets)
        for index, socket in enumerate(sockets):
            self.perform(socket, socket.connection.dismiss(code, self.retry_after(index, len(sockets))))

    def close_all(self, code: Code) -> None:
        """Close every connection; sessions keep their grace."""
        sockets = list(self.sockets)
        for index, socket in enumerate(sockets):
            self.perform(socket, socket.connection.close(code, self.now(), self.retry_after(index, len(sockets))))

    def start_drain(self) -> None:
        """Take no more commands, and append the last word about every session."""
        for socket in list(self.sockets):
            depart = socket.connection.drain(self.now())
            if depart is not None:
                self.perform(socket, [depart])

    def retry_after(self, index: int, count: int) -> int:
        """Spread those we send away over time, evenly."""
        return 100 + self.config.retry_spread_ms * index // max(1, count)

    def _home(self, epoch: NodeEpoch) -> Home:
        return Home(self.config, NodeId(self.config.node), epoch, self._ports.ids, self._knows)

    def _knows(self, key: UserKey, session: SessionId) -> bool:
        return self.relay.view.knows_session(key, session)
