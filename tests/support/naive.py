"""A second opinion on the fold: the rules of presence written down naively, mutable and slow, sharing no rule with it.

It follows the glossary and the design, not ``presence/domain``; the property tests ask both and compare.
"""

from dataclasses import dataclass, field
from typing import Any

from presence.domain import events as e
from presence.domain.ids import UserKey
from presence.domain.state import Live, UserPresence

MINUTE_MS = 60_000


@dataclass
class NaiveSession:
    """A session as a person would note it down."""

    opened_at: int
    device: str
    connection: str
    node: str
    epoch: int
    rooms: set[str]
    meta: dict[str, Any]
    activity: str
    active_minute: int
    lost_at: int | None = None
    lost_until: int | None = None


@dataclass
class NaiveUser:
    """A user as a person would note them down."""

    last_offset: int
    status: str = "offline"
    since: int = 0
    last_seen: int | None = None
    visible_since: int | None = None
    active_minute: int = 0
    sessions: dict[str, NaiveSession] = field(default_factory=dict)
    overrides: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    """layer -> (status, until, offset)"""


class NaivePresence:
    """All users of one partition, told of every record exactly once and in order."""

    def __init__(self) -> None:
        self.users: dict[str, NaiveUser] = {}
        self.lost_epochs: dict[str, int] = {}

    def hear(self, key: UserKey, event: e.Event, offset: int, at: int) -> None:
        """Take one record into account."""
        if isinstance(event, e.NodeLost):
            self._hear_node_lost(event, offset, at)
            return
        if isinstance(event, e.SessionOpened) and event.node_epoch <= self.lost_epochs.get(event.node, -1):
            return
        user = self.users.get(key)
        if user is None:
            if not isinstance(event, e.SessionOpened | e.OverrideSet):
                return
            user = self.users[key] = NaiveUser(offset, since=at)
        if isinstance(event, e.RetentionOver) and event.last_offset == user.last_offset and not user.sessions:
            del self.users[key]
            return
        user.last_offset = offset
        self._hear_about_sessions(user, event, offset, at)
        self._hear_about_overrides(user, event, offset)
        self._settle(user, at)

    def _hear_node_lost(self, event: e.NodeLost, offset: int, at: int) -> None:
        self.lost_epochs[event.node] = max(event.node_epoch, self.lost_epochs.get(event.node, -1))
        for user in self.users.values():
            on_node = [s for s in user.sessions.values() if s.node == event.node]
            if on_node:
                user.last_offset = offset
            for session in on_node:
                if session.lost_at is None and session.epoch <= event.node_epoch:
                    session.lost_at, session.lost_until = offset, at + event.grace_ms

    def _hear_about_sessions(self, user: NaiveUser, event: e.UserEvent, offset: int, at: int) -> None:
        if isinstance(event, e.SessionOpened):
            old = user.sessions.get(event.session)
            minute = at // MINUTE_MS
            user.sessions[event.session] = NaiveSession(
                opened_at=old.opened_at if old else at,
                device=event.device,
                connection=event.connection,
                node=event.node,
                epoch=event.node_epoch,
                rooms=set(event.rooms),
                meta=event.meta,
                activity=event.activity.value,
                active_minute=max(minute, old.active_minute if old else 0),
            )
            return
        session = user.sessions.get(getattr(event, "session", ""))
        if session is None:
            return
        if isinstance(event, e.SessionClosed):
            if event.connection is None or event.connection == session.connection:
                del user.sessions[event.session]
        elif isinstance(event, e.GraceOver):
            if session.lost_at == event.lost_offset:
                del user.sessions[event.session]
        elif session.lost_at is None and session.connection == getattr(event, "connection", None):
            self._hear_from_live(session, event, offset, at)

    def _hear_from_live(self, session: NaiveSession, event: e.UserEvent, offset: int, at: int) -> None:
        if isinstance(event, e.ConnectionLost):
            session.lost_at, session.lost_until = offset, at + event.grace_ms
        elif isinstance(event, e.ActivityChanged):
            session.activity = event.activity.value
            if session.activity != "idle":
                session.active_minute = max(session.active_minute, at // MINUTE_MS)
        elif isinstance(event, e.RoomJoined):
            session.rooms.add(event.room)
        elif isinstance(event, e.RoomLeft):
            session.rooms.discard(event.room)
        elif isinstance(event, e.MetaChanged):
            session.meta = event.meta

    def _hear_about_overrides(self, user: NaiveUser, event: e.UserEvent, offset: int) -> None:
        if isinstance(event, e.OverrideSet):
            user.overrides[event.layer.value] = (event.status.value, event.until, offset)
        elif isinstance(event, e.OverrideCleared):
            user.overrides.pop(event.layer.value, None)
        elif isinstance(event, e.OverrideOver):
            held = user.overrides.get(event.layer.value)
            if held is not None and held[2] == event.set_offset:
                del user.overrides[event.layer.value]

    def _settle(self, user: NaiveUser, at: int) -> None:
        for session in user.sessions.values():
            user.active_minute = max(user.active_minute, session.active_minute)
        status = self._status(user)
        if status == user.status:
            return
        was_hidden, is_hidden = (s in {"offline", "invisible"} for s in (user.status, status))
        user.status = status
        user.since = max(user.since, at)
        if was_hidden and not is_hidden:
            user.visible_since = user.since
        if is_hidden and not was_hidden:
            user.last_seen, user.visible_since = user.since, None

    def _status(self, user: NaiveUser) -> str:
        if not user.sessions:
            return "offline"
        for layer in ("admin", "user", "app"):
            if layer in user.overrides:
                return user.overrides[layer][0]
        activities = {session.activity for session in user.sessions.values()}
        if "busy" in activities:
            return "busy"
        return "online" if "active" in activities else "away"


def outline(user: NaiveUser) -> dict[str, Any]:
    """A naive user in the form that `outline_row` gives a row."""
    return {
        "offset": user.last_offset,
        "status": user.status,
        "since": user.since,
        "last_seen": user.last_seen,
        "visible_since": user.visible_since,
        "last_active": user.active_minute * MINUTE_MS,
        "sessions": {
            name: (
                *(s.device, s.opened_at, s.connection, s.node, s.epoch, s.lost_at, s.lost_until),
                *(sorted(s.rooms), s.meta, s.activity, s.active_minute * MINUTE_MS),
            )
            for name, s in user.sessions.items()
        },
        "overrides": dict(user.overrides),
    }


def outline_row(row: UserPresence) -> dict[str, Any]:
    """Everything a row says, without its types."""
    return {
        "offset": row.offset,
        "status": row.status.value,
        "since": row.since,
        "last_seen": row.last_seen,
        "visible_since": row.visible_since,
        "last_active": row.last_active,
        "sessions": {
            str(name): (
                *(s.device, s.opened_at, s.life.connection, s.life.node, s.life.node_epoch),
                *((None, None) if isinstance(s.life, Live) else (s.life.offset, s.life.until)),
                *(list(s.rooms), s.meta, s.activity.value, s.last_active),
            )
            for name, s in row.sessions.items()
        },
        "overrides": {layer.value: (o.status.value, o.until, o.offset) for layer, o in row.overrides.items()},
    }
