"""The fold: state from events, one total pure function over them.

`evolve` is idempotent by offset (an event at or below ``state.offset`` changes nothing), so at-least-once delivery
has an exactly-once effect. It never reads a clock: what happens because time passed arrives as an event.
"""

from typing import TypeVar, assert_never

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
    FENCE_MEMORY,
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

_K = TypeVar("_K")
_V = TypeVar("_V")


def evolve(state: UserPresence | None, event: Event, stamp: Stamp) -> UserPresence | None:
    """Fold one event into the state of one user; None is a user nothing is known of.

    The fence of lost node epochs is checked before (`is_fenced`), since it belongs to the partition.
    """
    if state is None:
        if not isinstance(event, SessionOpened | OverrideSet):
            return None
        state = UserPresence(offset=-1, status=Status.OFFLINE, since=stamp.at)
    elif stamp.offset <= state.offset:
        return state
    elif isinstance(event, RetentionOver) and event.last_offset == state.offset and not state.sessions:
        return None
    sessions = _sessions(state.sessions, event, stamp)
    overrides = _overrides(state.overrides, event, stamp)
    return _derive(state, sessions, overrides, stamp)


def is_fenced(fence: NodeFence | None, event: Event, stamp: Stamp) -> bool:
    """Tell whether an opening comes from a node epoch that had been declared lost before it in the log."""
    if fence is None or not isinstance(event, SessionOpened):
        return False
    if stamp.offset > fence.offset:
        return event.node_epoch <= fence.node_epoch
    # Redelivered from before the fence: it must be judged as it was the first time.
    earlier = next((epoch for offset, epoch in fence.earlier if stamp.offset > offset), None)
    return earlier is not None and event.node_epoch <= earlier


def raise_fence(fence: NodeFence | None, event: NodeLost, stamp: Stamp) -> NodeFence:
    """Remember a lost node epoch; epochs only grow."""
    if fence is None:
        return NodeFence(stamp.offset, event.node, event.node_epoch)
    if stamp.offset <= fence.offset or event.node_epoch <= fence.node_epoch:
        return fence
    earlier = ((fence.offset, fence.node_epoch), *fence.earlier)[:FENCE_MEMORY]
    return NodeFence(stamp.offset, event.node, event.node_epoch, earlier)


def _sessions(sessions: Sessions, event: Event, stamp: Stamp) -> Sessions:
    """Sessions after the event; the same object when nothing changed."""
    match event:
        case ActivityChanged() | RoomJoined() | RoomLeft() | MetaChanged():
            session = _attached(sessions, event.session, event.connection)
            if session is None:
                return sessions
            return sessions | {event.session: _change(session, event, stamp)}
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
        case OverrideCleared(layer=layer):
            return _without(overrides, layer) if layer in overrides else overrides
        case OverrideOver(layer=layer, set_offset=set_offset):
            current = overrides.get(layer)
            return overrides if current is None or current.offset != set_offset else _without(overrides, layer)
        case _:
            return overrides


def _derive(state: UserPresence, sessions: Sessions, overrides: Overrides, stamp: Stamp) -> UserPresence:
    """Put the parts together and derive status, since, last active and last seen."""
    # Positional construction here and in `_change`: `replace` and keywords would double the price of a fold.
    if sessions is state.sessions and overrides is state.overrides:
        return replace(state, offset=stamp.offset)
    last_active = state.last_active
    for session in sessions.values():
        last_active = max(last_active, session.last_active)
    status, since = state.status, state.since
    last_seen, visible_since = state.last_seen, state.visible_since
    merged = merge(sessions, overrides).status
    if merged is not status:
        # Edges' clocks differ a little: what follows in the log must not begin before it.
        since = max(since, stamp.at)
        if not merged.is_visible:
            last_seen = last_seen if visible_since is None else since
            visible_since = None
        elif visible_since is None:
            visible_since = since
        status = merged
    return UserPresence(stamp.offset, status, since, sessions, overrides, last_active, last_seen, visible_since)


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
    activity, last_active = session.activity, session.last_active
    rooms, meta = session.rooms, session.meta
    match event:
        case ActivityChanged():
            activity = event.activity
            if activity is not Activity.IDLE:
                last_active = max(last_active, _bucket(stamp.at))
        case RoomJoined(room=room):
            rooms = tuple(sorted({*rooms, room}))
        case RoomLeft(room=room):
            rooms = tuple(r for r in rooms if r != room)
        case MetaChanged():
            meta = event.meta
        case _:
            assert_never(event)
    return Session(session.device, session.opened_at, session.life, activity, last_active, rooms, meta)


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


def _without(mapping: dict[_K, _V], key: _K) -> dict[_K, _V]:
    return {k: value for k, value in mapping.items() if k != key}


def _bucket(at: Millis) -> Millis:
    return Millis(at - at % LAST_ACTIVE_BUCKET_MS)
