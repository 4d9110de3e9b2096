"""Short ways to say events and to fold them, for tests of the kernel: plain strings and numbers in, events out."""

from collections.abc import Iterable
from typing import Any

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
from presence.domain.fold import evolve
from presence.domain.ids import (
    ConnectionId,
    DeviceId,
    EventId,
    Millis,
    NodeEpoch,
    NodeId,
    RoomId,
    SessionId,
    UserKey,
)
from presence.domain.state import Session, UserPresence
from presence.domain.status import Activity, CloseReason, Layer, LostReason, Status

T0 = 1_700_000_000_000
"""When tests begin: not on a whole minute (it is 20 s into one), so that buckets can be told from times."""

GRACE = 15_000
ALICE = UserKey("acme/alice")
BOB = UserKey("acme/bob")


def opened(
    session: str = "s1",
    connection: str = "c1",
    node: str = "n1",
    epoch: int = 1,
    device: str = "phone",
    rooms: Iterable[str] = (),
    meta: dict[str, Any] | None = None,
    activity: Activity = Activity.ACTIVE,
) -> SessionOpened:
    """A session opened, or came back."""
    return SessionOpened(
        EventId("e"),
        SessionId(session),
        ConnectionId(connection),
        NodeId(node),
        NodeEpoch(epoch),
        DeviceId(device),
        tuple(RoomId(room) for room in rooms),
        meta or {},
        activity,
    )


def closed(session: str = "s1", connection: str | None = "c1") -> SessionClosed:
    """A session ended on purpose."""
    named = None if connection is None else ConnectionId(connection)
    return SessionClosed(EventId("e"), SessionId(session), named, CloseReason.GOODBYE)


def lost(session: str = "s1", connection: str = "c1", grace_ms: int = GRACE) -> ConnectionLost:
    """A connection died."""
    return ConnectionLost(
        EventId("e"), SessionId(session), ConnectionId(connection), LostReason.SOCKET, Millis(grace_ms)
    )


def grace_over(session: str = "s1", lost_offset: int = 1) -> GraceOver:
    """A grace ran out."""
    return GraceOver(EventId("e"), SessionId(session), lost_offset)


def activity(session: str = "s1", connection: str = "c1", activity: Activity = Activity.IDLE) -> ActivityChanged:
    """A device reported its holder's activity."""
    return ActivityChanged(EventId("e"), SessionId(session), ConnectionId(connection), activity)


def joined(room: str, session: str = "s1", connection: str = "c1") -> RoomJoined:
    """A session entered a room."""
    return RoomJoined(EventId("e"), SessionId(session), ConnectionId(connection), RoomId(room))


def left(room: str, session: str = "s1", connection: str = "c1") -> RoomLeft:
    """A session left a room."""
    return RoomLeft(EventId("e"), SessionId(session), ConnectionId(connection), RoomId(room))


def meta(data: dict[str, Any], session: str = "s1", connection: str = "c1") -> MetaChanged:
    """A session said something else about itself."""
    return MetaChanged(EventId("e"), SessionId(session), ConnectionId(connection), data)


def override(status: Status, layer: Layer = Layer.USER, until: int = T0 + 3_600_000, note: str = "") -> OverrideSet:
    """A status was fixed by hand."""
    return OverrideSet(EventId("e"), layer, status, Millis(until), note)


def cleared(layer: Layer = Layer.USER) -> OverrideCleared:
    """An override was taken back."""
    return OverrideCleared(EventId("e"), layer)


def override_over(layer: Layer = Layer.USER, set_offset: int = 1) -> OverrideOver:
    """An override ran out."""
    return OverrideOver(EventId("e"), layer, set_offset)


def retention_over(last_offset: int) -> RetentionOver:
    """An offline user was kept long enough."""
    return RetentionOver(EventId("e"), last_offset)


def node_lost(node: str = "n1", epoch: int = 1, grace_ms: int = GRACE) -> NodeLost:
    """A node may no longer vouch."""
    return NodeLost(EventId("e"), NodeId(node), NodeEpoch(epoch), Millis(grace_ms))


def stamp(offset: int, after_ms: int = 0) -> Stamp:
    """Where a record stands, ``after_ms`` after `T0`."""
    return Stamp(offset, Millis(T0 + after_ms))


def fold(*events: Event, step_ms: int = 1_000) -> UserPresence | None:
    """Fold events of one user at offsets 0, 1, 2, … that are ``step_ms`` apart, beginning at `T0`."""
    state: UserPresence | None = None
    for offset, event in enumerate(events):
        state = evolve(state, event, stamp(offset, offset * step_ms))
    return state


def folded(*events: Event, step_ms: int = 1_000) -> UserPresence:
    """As `fold`, where a state must come out."""
    state = fold(*events, step_ms=step_ms)
    assert state is not None
    return state


def session_of(state: UserPresence | None, session: str = "s1") -> Session:
    """One session of a state, which must be there."""
    assert state is not None
    return state.sessions[SessionId(session)]
