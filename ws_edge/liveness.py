"""When a connection must be pinged, given up, or called idle. Pure: times are arguments, ms of a steady clock."""

from enum import Enum, auto

from ws_edge.config import EdgeConfig


class Due(Enum):
    """What has become due."""

    NOTHING = auto()
    PING = auto()
    DEAD = auto()


class Liveness:
    """The clocks of one connection."""

    __slots__ = ("_config", "_heard_at", "_pong_by", "_said_at")

    def __init__(self, config: EdgeConfig, now: int) -> None:
        self._config = config
        self._heard_at = now
        self._said_at = now
        self._pong_by: int | None = None

    def heard(self, now: int) -> None:
        """Anything arrived: the peer lives."""
        self._heard_at = now
        self._pong_by = None

    def said(self, now: int) -> None:
        """A command arrived: its holder does something."""
        self._said_at = now

    def check(self, now: int) -> Due:
        """What is due; PING starts the wait for the answer."""
        if self._pong_by is not None:
            return Due.DEAD if now >= self._pong_by else Due.NOTHING
        if now < self._heard_at + self._config.ping_ms:
            return Due.NOTHING
        self._pong_by = now + self._config.pong_wait_ms
        return Due.PING

    def is_idle(self, now: int) -> bool:
        """Whether the client has been silent long enough to be called idle."""
        return now >= self._said_at + self._config.idle_ms

    def next_check(self) -> int:
        """When `check` may find something."""
        return self._pong_by if self._pong_by is not None else self._heard_at + self._config.ping_ms

    def next_idle(self) -> int:
        """When `is_idle` may become true."""
        return self._said_at + self._config.idle_ms
