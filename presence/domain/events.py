"""Events: immutable past-tense facts about one user, the content of ``presence-events``.

Every event has an ``id``, unique among the events of its user. Released fields are never renamed or reused: add one
with a default, or add a version with an upcaster in ``presence/wire``. Whatever a fold needs is in the event
(``grace_ms``, ``until``), so that folding old events under new settings still gives the old state.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Struct

from presence.domain.ids import (
    ConnectionId,
    DeviceId,
    EventId,
    Millis,
    NodeEpoch,
    NodeId,
    RoomId,
    SessionId,
)
from presence.domain.status import Activity, CloseReason, Layer, LostReason, Status

Meta = dict[str, Any]
"""What an application says about a session: a JSON object of at most 1 KiB, opaque to us."""


# Bounds that keep garbage out of the fold and fit every store (a bigint, a timestamptz); decoding checks them.
_Epoch = Annotated[NodeEpoch, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Offset = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Time = Annotated[Millis, msgspec.Meta(ge=0, le=1 << 53)]


class SessionOpened(Struct, frozen=True, gc=False, tag_field="type", tag="session_opened"):
    """A device became present through a connection, or came back to its session through a new one.

    It carries the whole session (rooms, meta, activity), because the device that comes back announces itself anew.
    """

    id: EventId
    session: SessionId
    connection: ConnectionId
    node: NodeId
    node_epoch: _Epoch
    device: DeviceId
    rooms: tuple[RoomId, ...] = ()
    meta: Meta = {}
    activity: Activity = Activity.ACTIVE


class SessionClosed(Struct, frozen=True, gc=False, tag_field="type", tag="session_closed"):
    """A session ended on purpose; no grace follows. ``connection`` None closes whatever connection it has."""

    id: EventId
    session: SessionId
    connection: ConnectionId | None
    reason: CloseReason


class ConnectionLost(Struct, frozen=True, gc=False, tag_field="type", tag="connection_lost"):
    """A connection died; its session goes on for ``grace_ms``."""

    id: EventId
    session: SessionId
    connection: ConnectionId
    reason: LostReason
    grace_ms: _Time


class GraceOver(Struct, frozen=True, gc=False, tag_field="type", tag="grace_over"):
    """The grace of a lost session ran out. Only valid for the loss at ``lost_offset``."""

    id: EventId
    session: SessionId
    lost_offset: _Offset


class ActivityChanged(Struct, frozen=True, gc=False, tag_field="type", tag="activity_changed"):
    """A device reported what its holder does. The same activity again only moves ``last_active``."""

    id: EventId
    session: SessionId
    connection: ConnectionId
    activity: Activity


class RoomJoined(Struct, frozen=True, gc=False, tag_field="type", tag="room_joined"):
    """A session joined a room."""

    id: EventId
    session: SessionId
    connection: ConnectionId
    room: RoomId


class RoomLeft(Struct, frozen=True, gc=False, tag_field="type", tag="room_left"):
    """A session left a room."""

    id: EventId
    session: SessionId
    connection: ConnectionId
    room: RoomId


class MetaChanged(Struct, frozen=True, gc=False, tag_field="type", tag="meta_changed"):
    """A session replaced what it says about itself."""

    id: EventId
    session: SessionId
    connection: ConnectionId
    meta: Meta


class OverrideSet(Struct, frozen=True, gc=False, tag_field="type", tag="override_set"):
    """Somebody fixed the user's status until ``until``; replaces the override of the same layer."""

    id: EventId
    layer: Layer
    status: Status
    until: _Time
    note: str = ""
    by: str = ""


class OverrideCleared(Struct, frozen=True, gc=False, tag_field="type", tag="override_cleared"):
    """Somebody took the override of a layer back."""

    id: EventId
    layer: Layer
    by: str = ""


class OverrideOver(Struct, frozen=True, gc=False, tag_field="type", tag="override_over"):
    """An override reached its ``until``. Only valid for the one set at ``set_offset``."""

    id: EventId
    layer: Layer
    set_offset: _Offset


class RetentionOver(Struct, frozen=True, gc=False, tag_field="type", tag="retention_over"):
    """An offline user was kept long enough. Only valid if nothing happened since ``last_offset``."""

    id: EventId
    last_offset: _Offset


class NodeLost(Struct, frozen=True, gc=False, tag_field="type", tag="node_lost"):
    """A node may no longer vouch for its sessions: all of epoch ``node_epoch`` or older are lost.

    A control record: one per partition, under a control key, about every user of that partition.
    """

    id: EventId
    node: NodeId
    node_epoch: _Epoch
    grace_ms: _Time


UserEvent = (
    SessionOpened
    | SessionClosed
    | ConnectionLost
    | GraceOver
    | ActivityChanged
    | RoomJoined
    | RoomLeft
    | MetaChanged
    | OverrideSet
    | OverrideCleared
    | OverrideOver
    | RetentionOver
)
"""Events about one user, keyed ``tenant/user``."""

Event = UserEvent | NodeLost
"""Everything that may be in ``presence-events``."""


class Stamp(Struct, frozen=True, gc=False):
    """Where and when a record stands in the log."""

    offset: int
    at: Millis
    """Event time: the Kafka timestamp, set by whoever appended the event."""
