"""The fold: state from events, one total pure function over them.

`evolve` is idempotent by offset (an event at or below ``state.offset`` changes nothing), so at-least-once delivery
has an exactly-once effect. It never reads a clock: what happens because time passed arrives as an event.
"""

from typing import assert_never

from msgspec.structs import replace

from presence.domain.events import (
    ActivityChanged,
    ConnectionLost,
    Event,
    GraceOver,
    MetaChanged,
    NodeLost,
    OverrideCleared,
    OverrideOver,
    OverrideSet,
    RetentionOver,
    RoomJoined,
    RoomLeft,
    SessionClosed,
    SessionOpened,
    Stamp,
)
from presence.domain.ids import ConnectionId, Millis, SessionId
from presence.domain.merge import merge
from presence.domain.state import (
    LAST_ACTIVE_BUCKET_MS,
    Live,
    Lost,
    NodeFence,
    Override,
    Session,
    UserPresence,
)
from presence.domain.status import Activity, Layer, Status

Sessions = dict[SessionId, Session]
Overrides = dict[Layer, Override]


def evolve(state: UserPresence | None, event: Event, stamp: Stamp) -> UserPresence | None:
    """Fold one event into the state of one user; None is a user nothing is known of.

    The fence of lost node epochs is checked before (`is_fenced`), since it belongs to the partition.
    """
    if state is not None and stamp.offset <= state.offset:
        return state
    if isinstance(event, RetentionOver):
        return _forget(state, event, stamp)
    if state is None:
        if not isinstance(event, SessionOpened | OverrideSet):
            return None
        state = UserPresence(offset=-1, status=Status.OFFLINE, since=stamp.at)
    sessions = _sessions(state.sessions, event, stamp)
    overrides = _overrides(state.overrides, event, stamp)
    return _derive(state, sessions, overrides, stamp)


def is_fenced(fence: NodeFence | None, event: Event) -> bool:
    """Tell whether an opening comes from a node epoch that was already declared lost."""
    return fence is not None and isinstance(event, SessionOpened) and event.node_epoch <= fence.node_epoch


def raise_fence(fence: NodeFence | None, event: NodeLost, stamp: Stamp) -> NodeFence:
    """Remember a lost node epoch; epochs only grow."""
    if fence is not None and (stamp.offset <= fence.offset or event.node_epoch <= fence.node_epoch):
        return fence
    return NodeFence(stamp.offset, event.node, event.node_epoch)


def _sessions(sessions: Sessions, event: Event, stamp: Stamp) -> Sessions:
    """Sessions after the event; the same object when nothing changed."""
    match event:
        case SessionOpened():
            return sessions | {event.session: _open(sessions.get(event.session), event, stamp)}
        case SessionClosed():
            session = sessions.get(event.session)
            if session is None or event.connection not in (None, session.life.connection):
                return sessions
            return _without(sessions, event.session)
        case ConnectionLost():
            session = _attached(sessions, event.session, event.connection)
            if session is None:
                return sessions
            return sessions | {event.session: _lose(session, event.grace_ms, stamp)}
        case GraceOver():
            session = sessions.get(event.session)
            if session is None or not _is_lost_at(session, event.lost_offset):
                return sessions
            return _without(sessions, event.session)
        case NodeLost():
            lost = {
                name: _lose(session, event.grace_ms, stamp)
                for name, session in sessions.items()
                if _is_vouched_by(session, event)
            }
            return sessions | lost if lost else sessions
        case ActivityChanged() | RoomJoined() | RoomLeft() | MetaChanged():
            session = _attached(sessions, event.session, event.connection)
            if session is None:
                return sessions
            return sessions | {event.session: _change(session, event, stamp)}
        case OverrideSet() | OverrideCleared() | OverrideOver() | RetentionOver():
            return sessions
        case _:
            assert_never(event)


def _overrides(overrides: Overrides, event: Event, stamp: Stamp) -> Overrides:
    """Overrides after the event; the same object when nothing changed."""
    match event:
        case OverrideSet():
            override = Override(event.status, event.until, stamp.offset, event.note, event.by)
            return overrides | {event.layer: override}
        case OverrideCleared():
            return {layer: o for layer, o in overrides.items() if layer is not event.layer}
        case OverrideOver():
            current = overrides.get(event.layer)
            if current is None or current.offset != event.set_offset:
                return overrides
            return {layer: o for layer, o in overrides.items() if layer is not event.layer}
        case _:
            return overrides


def _derive(state: UserPresence, sessions: Sessions, overrides: Overrides, stamp: Stamp) -> UserPresence:
    """Put the parts together and derive status, since, last active and last seen."""
    if sessions is state.sessions and overrides is state.overrides:
        return replace(state, offset=stamp.offset)
    status = merge(sessions, overrides).status
    hidden_now = state.status.is_visible and not status.is_visible
    return UserPresence(
        offset=stamp.offset,
        status=status,
        since=stamp.at if status is not state.status else state.since,
        sessions=sessions,
        overrides=overrides,
        last_active=max((s.last_active for s in sessions.values()), default=state.last_active),
        last_seen=stamp.at if hidden_now else state.last_seen,
    )


def _open(session: Session | None, event: SessionOpened, stamp: Stamp) -> Session:
    return Session(
        device=event.device,
        opened_at=stamp.at if session is None else session.opened_at,
        life=Live(event.connection, event.node, event.node_epoch),
        activity=event.activity,
        last_active=_bucket(stamp.at) if session is None else max(session.last_active, _bucket(stamp.at)),
        rooms=tuple(sorted(set(event.rooms))),
        meta=event.meta,
    )


def _lose(session: Session, grace_ms: Millis, stamp: Stamp) -> Session:
    life = session.life
    until = Millis(stamp.at + grace_ms)
    return replace(session, life=Lost(life.connection, life.node, life.node_epoch, until, stamp.offset))


def _change(session: Session, event: ActivityChanged | RoomJoined | RoomLeft | MetaChanged, stamp: Stamp) -> Session:
    match event:
        case ActivityChanged(activity=activity):
            moved = session.last_active
            if activity is not Activity.IDLE:
                moved = max(moved, _bucket(stamp.at))
            return replace(session, activity=activity, last_active=moved)
        case RoomJoined(room=room):
            return replace(session, rooms=tuple(sorted({*session.rooms, room})))
        case RoomLeft(room=room):
            return replace(session, rooms=tuple(r for r in session.rooms if r != room))
        case MetaChanged(meta=meta):
            return replace(session, meta=meta)
        case _:
            assert_never(event)


def _forget(state: UserPresence | None, event: RetentionOver, stamp: Stamp) -> UserPresence | None:
    if state is None or (state.offset == event.last_offset and not state.sessions):
        return None
    return replace(state, offset=stamp.offset)


def _attached(sessions: Sessions, name: SessionId, connection: ConnectionId) -> Session | None:
    """The session, if this very connection still holds it: an older connection has no say."""
    session = sessions.get(name)
    if session is None or not isinstance(session.life, Live) or session.life.connection != connection:
        return None
    return session


def _is_lost_at(session: Session, offset: int) -> bool:
    return isinstance(session.life, Lost) and session.life.offset == offset


def _is_vouched_by(session: Session, event: NodeLost) -> bool:
    life = session.life
    return isinstance(life, Live) and life.node == event.node and life.node_epoch <= event.node_epoch


def _without(sessions: Sessions, name: SessionId) -> Sessions:
    return {s: session for s, session in sessions.items() if s != name}


def _bucket(at: Millis) -> Millis:
    return Millis(at - at % LAST_ACTIVE_BUCKET_MS)
