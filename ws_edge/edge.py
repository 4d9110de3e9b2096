"""An edge: its connections, its view of everybody, and the deeds that connections ask for."""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import structlog
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Origin

from presence.domain.errors import InvalidToken, LogUnavailable
from presence.domain.events import SessionOpened
from presence.domain.ids import NodeEpoch, NodeId, UserKey
from presence.ports import Changelog, ChangelogBatch, Clock, EventLog, IdSource, NodeFeed, TokenVerifier
from presence.telemetry.health import Health
from presence.wire.frames import Error, Feed, Resume
from ws_edge.codes import Code
from ws_edge.config import EdgeConfig
from ws_edge.deadlines import Deadlines
from ws_edge.departures import Departures
from ws_edge.effects import (
    Append,
    Attach,
    CloseSocket,
    Depart,
    Effect,
    Follow,
    Instant,
    Send,
    SendPing,
    Unfollow,
    Verify,
)
from ws_edge.framing import frame_bytes
from ws_edge.hub import Hub
from ws_edge.interest import Subscriber
from ws_edge.metrics import EdgeMetrics
from ws_edge.ownership import judge
from ws_edge.protocol import Home
from ws_edge.recovery import Journal
from ws_edge.socket import Socket
from ws_edge.view import RowChange, View

_log = structlog.get_logger()


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
    """The deeds. Everything runs in one event loop; tasks are made by ``spawn`` and outlive no edge."""

    def __init__(
        self,
        config: EdgeConfig,
        ports: EdgePorts,
        health: Health,
        metrics: EdgeMetrics,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self.config = config
        self.metrics = metrics
        self.origins = None if config.origins is None else [o if o is None else Origin(o) for o in config.origins]
        self._ports = ports
        self._health = health
        self._spawn = spawn
        self.view = View()
        self.hub: Hub | None = None
        """None until the view is loaded."""
        self._journal: Journal | None = None
        self.sockets: set[Socket] = set()
        self._holders: dict[UserKey, list[Socket]] = {}
        self._deadlines: Deadlines[Socket] = Deadlines(self.now().mono)
        self.departures = Departures(ports.log, ports.clock, metrics, spawn)
        self.is_draining = False
        self.home: Home = self._home(NodeEpoch(0))

    def now(self) -> Instant:
        """The time."""
        clock = self._ports.clock
        return Instant(clock.now(), int(clock.monotonic() * 1000))

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
        if socket.subscriber.dirty is not None:
            self.metrics.slow.dec()
        if self.hub is not None:
            self.hub.drop(socket.subscriber)
        self._release(socket)
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
        if self.hub is not None:
            self.metrics.slow.inc()
            self.hub.slow_down(socket.subscriber)
            self._deadlines.schedule(socket, self.now().mono + self.config.slow_ms)

    def catch_up(self, socket: Socket) -> None:
        """It reads again."""
        if self.hub is not None and socket.subscriber.dirty is not None:
            self.metrics.slow.dec()
            self.hub.catch_up(socket.subscriber)
            socket.flush()

    def sweep(self) -> None:
        """Do what is due; several times a second."""
        now = self.now()
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

    # --- effects ----------------------------------------------------------------------------------------------

    def perform(self, socket: Socket, effects: Iterable[Effect]) -> None:
        """Carry out what a connection wants, in order."""
        for effect in effects:
            self._perform(socket, effect)
        if effects:
            self.reschedule(socket)

    def _perform(self, socket: Socket, effect: Effect) -> None:
        match effect:
            case Send(frame=frame):
                self._answer(socket, frame_bytes(frame))
                self.metrics.frames_out.labels(type(frame).__name__.lower()).inc()
                if isinstance(frame, Error):
                    self.metrics.errors.labels(frame.code).inc()
            case Append():
                self._spawn(self._append(socket, effect))
            case Verify():
                self._spawn(self._verify(socket, effect))
            case Depart():
                self._release(socket)
                self.departures.add(effect)
            case Attach(key=key):
                self._holders.setdefault(key, []).append(socket)
                self.metrics.sessions.inc()
                self._judge(socket, key)
            case Follow():
                self._follow(socket, effect)
            case Unfollow(users=users, rooms=rooms):
                if self.hub is not None:
                    self.hub.unwatch(socket.subscriber, users, rooms)
            case SendPing():
                socket.ping()
            case CloseSocket(code=code, retry_after_ms=retry_after_ms):
                self._release(socket)
                socket.shut(code, retry_after_ms)
            case _:
                assert_never(effect)

    def _answer(self, socket: Socket, data: bytes) -> None:
        if socket.buffered > self.config.send_cut:
            self.perform(socket, socket.connection.close(Code.SLOW_CONSUMER, self.now()))
            return
        socket.write(data)

    def _follow(self, socket: Socket, effect: Follow) -> None:
        if self.hub is None:
            self.perform(socket, socket.connection.close(Code.TRY_LATER, self.now()))
            return
        if socket.buffered > self.config.send_cut:
            self.perform(socket, socket.connection.close(Code.SLOW_CONSUMER, self.now()))
            return
        request, subscriber = effect.request, socket.subscriber
        if isinstance(request, Resume):
            exact = self.hub.resume(subscriber, effect.users, effect.rooms, request)
            self.metrics.resumed.labels("exact" if exact else "reset").inc()
            if exact and self.hub.is_stale:
                subscriber.outbox.append(frame_bytes(Feed(stale=True)))
        else:
            self.hub.watch(subscriber, effect.users, effect.rooms, request.id)
        self.metrics.frames_out.labels("snapshot").inc()
        socket.flush()

    async def _append(self, socket: Socket, effect: Append) -> None:
        clock = self._ports.clock
        began = clock.monotonic()
        succeeded = False
        try:
            proof = await self._ports.log.append(effect.key, effect.event, clock.now())
        except LogUnavailable:
            self.metrics.append_failures.inc()
        except Exception:  # noqa: BLE001 - the top of its own task
            self.metrics.crashes.inc()
            _log.exception("append failed")
            self.perform(socket, socket.connection.close(Code.INTERNAL, self.now()))
        else:
            succeeded = True
            self.metrics.append_seconds.observe(clock.monotonic() - began)
            if isinstance(effect.event, SessionOpened):
                socket.opened_offset = proof.offset
        self.perform(socket, socket.connection.appended(effect.number, self.now(), succeeded=succeeded))

    async def _verify(self, socket: Socket, effect: Verify) -> None:
        try:
            claims = await self._ports.tokens.verify(effect.token, self.now().wall)
        except InvalidToken as exc:
            _log.info("token refused", reason=exc.reason)
            self.perform(socket, socket.connection.refused(self.now()))
        except Exception:  # noqa: BLE001 - the top of its own task
            self.metrics.crashes.inc()
            _log.exception("verifying a token failed")
            self.perform(socket, socket.connection.close(Code.INTERNAL, self.now()))
        else:
            self.perform(socket, socket.connection.verified(claims, effect.id, self.now()))

    # --- the feed ---------------------------------------------------------------------------------------------

    def take(self, batches: Sequence[ChangelogBatch]) -> None:
        """Take rows of the changelog in, and send what they change to those who watch."""
        changes: list[RowChange] = []
        for batch in batches:
            self.metrics.rows.inc(len(batch.rows))
            changes += self.view.apply(batch)
        if self.hub is None or self._journal is None or not changes:
            return
        self._journal.record(changes)
        self._write(self.hub.route(changes))
        for change in changes:
            for socket in list(self._holders.get(change.key, ())):
                self._judge(socket, change.key)
        self._measure(changes)

    def loaded(self, feed: str) -> None:
        """The view has everything that was there at the start."""
        self._journal = Journal(feed, self.config.journal_entries)
        self._journal.start(self.view.offsets)
        self.hub = Hub(
            feed,
            self.view,
            self._journal,
            paced_above=self.config.room_paced_above,
            dirty_keys=self.config.dirty_keys,
        )

    def pace(self) -> None:
        """Send what large rooms have pending; once a `room_pace_ms`."""
        if self.hub is not None:
            self._write(self.hub.tick())

    def set_stale(self, *, stale: bool) -> None:
        """Tell watchers that the feed stands still, or moves again."""
        if self.hub is None or self.hub.is_stale == stale:
            return
        self.hub.is_stale = stale
        self.metrics.stale.set(stale)
        frame = frame_bytes(Feed(stale=stale))
        for socket in self.sockets:
            if socket.subscriber.is_watching:
                socket.write(frame)

    def forget_feed(self) -> None:
        """The feed is another one: what we know of it is void, and so is what clients hold."""
        self.close_all(Code.STATE_GAP)
        self.view, self.hub, self._journal = View(), None, None
        self.home = self._home(self.home.node_epoch)

    def _write(self, touched: list[Subscriber]) -> None:
        sent = 0
        for subscriber in touched:
            socket = subscriber.sink
            assert isinstance(socket, Socket)  # noqa: S101 - we made it so
            sent += socket.flush()
        if touched:
            self.metrics.diffs_out.inc(len(touched))
            self.metrics.bytes_out.inc(sent)

    def _measure(self, changes: list[RowChange]) -> None:
        now = self.now().wall
        for change in changes:
            after, before = change.after, change.before
            if after is not None and (before is None or before.since != after.since):
                self.metrics.delivery_seconds.observe(max(0, now - after.since) / 1000)

    # --- who holds what ---------------------------------------------------------------------------------------

    def _judge(self, socket: Socket, key: UserKey) -> None:
        own = socket.connection.attachment
        if own is None or socket.opened_offset is None:
            return
        code = judge(self.view.get(key), own, socket.opened_offset)
        # Its own goodbye may be seen in the feed before it is acknowledged.
        if code is not None and not socket.connection.is_leaving:
            self.perform(socket, socket.connection.dismiss(code))

    def _release(self, socket: Socket) -> None:
        own = socket.connection.session_key
        holders = self._holders.get(own) if own is not None else None
        if own is not None and holders is not None and socket in holders:
            holders.remove(socket)
            self.metrics.sessions.dec()
            if not holders:
                del self._holders[own]

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

    def _knows(self, key: UserKey, session: Any) -> bool:
        return self.view.knows_session(key, session)
