"""The deeds that connections ask for: effects carried out, and their results reported back."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, assert_never

import structlog

from presence.domain.errors import InvalidToken, LogUnavailable
from presence.domain.events import SessionOpened
from presence.domain.ids import UserKey
from presence.ports import Clock, EventLog, TokenVerifier
from presence.wire.frames import Error
from ws_edge.codes import Code
from ws_edge.config import EdgeConfig
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
from ws_edge.holders import Holders
from ws_edge.metrics import EdgeMetrics
from ws_edge.relay import Relay
from ws_edge.socket import Socket

_log = structlog.get_logger()

Spawn = Callable[[Coroutine[Any, Any, None]], object]


def instant(clock: Clock) -> Instant:
    """The time, both ways."""
    return Instant(clock.now(), int(clock.monotonic() * 1000))


class Deeds:
    """Carries effects out, in order; what takes time runs in tasks made by ``spawn``."""

    def __init__(
        self,
        config: EdgeConfig,
        log: EventLog,
        tokens: TokenVerifier,
        clock: Clock,
        metrics: EdgeMetrics,
        relay: Relay,
        spawn: Spawn,
        reschedule: Callable[[Socket], None],
    ) -> None:
        self._config = config
        self._log = log
        self._tokens = tokens
        self._clock = clock
        self._metrics = metrics
        self._relay = relay
        self._spawn = spawn
        self._reschedule = reschedule
        self.holders = Holders(metrics)
        self.departures = Departures(log, clock, metrics, spawn)

    def perform(self, socket: Socket, effects: Iterable[Effect]) -> None:
        """Carry out what a connection wants, in order."""
        for effect in effects:
            self._perform(socket, effect)
        if effects:
            self._reschedule(socket)

    def judge(self, key: UserKey) -> None:
        """Dismiss the connections that no longer hold the sessions of a user."""
        for socket, code in self.holders.deposed(key, self._relay.view.get(key)):
            self.perform(socket, socket.connection.dismiss(code))

    def _perform(self, socket: Socket, effect: Effect) -> None:
        match effect:
            case Send(frame=frame):
                self._answer(socket, frame_bytes(frame))
                self._metrics.frames_out.labels(type(frame).__name__.lower()).inc()
                if isinstance(frame, Error):
                    self._metrics.errors.labels(frame.code).inc()
            case Append():
                self._spawn(self._append(socket, effect))
            case Verify():
                self._spawn(self._verify(socket, effect))
            case Depart():
                self.holders.release(socket)
                self.departures.add(effect)
            case Attach(key=key):
                self.holders.add(key, socket)
                self.judge(key)
            case Follow():
                self._follow(socket, effect)
            case Unfollow(users=users, rooms=rooms):
                if self._relay.hub is not None:
                    self._relay.hub.unwatch(socket.subscriber, users, rooms)
            case SendPing():
                socket.ping()
            case CloseSocket(code=code, retry_after_ms=retry_after_ms):
                self.holders.release(socket)
                socket.shut(code, retry_after_ms)
            case _:
                assert_never(effect)

    def _answer(self, socket: Socket, data: bytes) -> None:
        if socket.buffered > self._config.send_cut:
            self._close(socket, Code.SLOW_CONSUMER)
        else:
            socket.write(data)

    def _follow(self, socket: Socket, effect: Follow) -> None:
        if self._relay.hub is None:
            self._close(socket, Code.TRY_LATER)
        elif socket.buffered > self._config.send_cut:
            self._close(socket, Code.SLOW_CONSUMER)
        else:
            self._relay.follow(self._relay.hub, socket, effect)

    def _close(self, socket: Socket, code: Code) -> None:
        self.perform(socket, socket.connection.close(code, instant(self._clock)))

    async def _append(self, socket: Socket, effect: Append) -> None:
        began = self._clock.monotonic()
        succeeded = False
        try:
            proof = await self._log.append(effect.key, effect.event, self._clock.now())
        except LogUnavailable:
            self._metrics.append_failures.inc()
        except Exception:  # noqa: BLE001 - the top of its own task
            self._metrics.crashes.inc()
            _log.exception("append failed")
            self._close(socket, Code.INTERNAL)
        else:
            succeeded = True
            self._metrics.append_seconds.observe(self._clock.monotonic() - began)
            if isinstance(effect.event, SessionOpened):
                socket.opened_offset = proof.offset
        self.perform(socket, socket.connection.appended(effect.number, instant(self._clock), succeeded=succeeded))

    async def _verify(self, socket: Socket, effect: Verify) -> None:
        try:
            claims = await self._tokens.verify(effect.token, self._clock.now())
        except InvalidToken as exc:
            _log.info("token refused", reason=exc.reason)
            self.perform(socket, socket.connection.refused(instant(self._clock)))
        except Exception:  # noqa: BLE001 - the top of its own task
            self._metrics.crashes.inc()
            _log.exception("verifying a token failed")
            self._close(socket, Code.INTERNAL)
        else:
            self.perform(socket, socket.connection.verified(claims, effect.id, instant(self._clock)))
