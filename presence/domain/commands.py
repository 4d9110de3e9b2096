"""Commands: requests of a connection that may be refused, and `decide`, which turns them into events.

A connection is the only writer of its session, so what it decides on is its own `Attachment`, never a table that
may lag. A command that changes nothing yields no event and is acknowledged at once.
"""

import re
from typing import assert_never

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from presence.domain.errors import InvalidField, LimitExceeded, TooLarge
from presence.domain.events import (
    ActivityChanged,
    ConnectionLost,
    Meta,
    MetaChanged,
    OverrideCleared,
    OverrideSet,
    RoomJoined,
    RoomLeft,
    SessionClosed,
    SessionOpened,
    UserEvent,
)
from presence.domain.ids import (
    ConnectionId,
    DeviceId,
    EventId,
    Millis,
    NodeEpoch,
    NodeId,
    RoomId,
    SessionId,
    UserId,
)
from presence.domain.nesting import is_deeper
from presence.domain.state import LAST_ACTIVE_BUCKET_MS
from presence.domain.status import Activity, CloseReason, Layer, LostReason, Status


class Limits(Struct, frozen=True):
    """Published limits on what one session may say."""

    rooms: int = 128  # Centrifugo's default number of channels per client
    meta_bytes: int = 1024  # Sockudo and Pusher: 1 KiB of user info
    meta_keys: int = 32
    meta_depth: int = 16  # readers of other languages recurse; nobody nests facts about a session deeper
    note_chars: int = 100
    override_ms: Millis = Millis(30 * 24 * 3600 * 1000)  # an override without end is a status stuck for ever


class Attachment(Struct, frozen=True):
    """A connection's own knowledge of the session it holds."""

    user: UserId
    session: SessionId
    connection: ConnectionId
    node: NodeId
    node_epoch: NodeEpoch
    device: DeviceId
    rooms: frozenset[RoomId] = frozenset()
    meta: Meta = {}
    activity: Activity = Activity.ACTIVE
    active_at: Millis = Millis(0)
    """When an `ActivityChanged` (or the opening) last said active."""


class Open(Struct, frozen=True):
    """Begin the session, or come back to it."""


class JoinRoom(Struct, frozen=True):
    """Enter a room."""

    room: RoomId


class LeaveRoom(Struct, frozen=True):
    """Leave a room."""

    room: RoomId


class SetActivity(Struct, frozen=True):
    """Say what the device's holder does."""

    activity: Activity


class SetMeta(Struct, frozen=True):
    """Replace what the session says about itself."""

    meta: Meta


class SetOverride(Struct, frozen=True):
    """Fix the user's own status, for ``for_ms`` or as long as allowed."""

    status: Status
    note: str = ""
    for_ms: Millis | None = None


class ClearOverride(Struct, frozen=True):
    """Take the user's own override back."""


class Close(Struct, frozen=True):
    """Say goodbye: the session ends at once."""

    reason: CloseReason = CloseReason.GOODBYE


class Lose(Struct, frozen=True):
    """The connection died: the session goes on for the grace."""

    reason: LostReason
    grace_ms: Millis


Command = Open | JoinRoom | LeaveRoom | SetActivity | SetMeta | SetOverride | ClearOverride | Close | Lose

# What a user may call themselves; offline by hand is invisible.
_OWN_STATUSES = frozenset(Status) - {Status.OFFLINE}

# An escaped NUL in JSON: a backslash that is not itself escaped. Postgres stores no such text.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def decide(
    command: Command, own: Attachment, event_id: EventId, now: Millis, limits: Limits
) -> tuple[Attachment, UserEvent | None]:
    """Return the attachment after the command and the event to append; None when nothing changes.

    Raises:
        InvalidField: a value is not allowed.
        TooLarge: the meta is over its limit.
        LimitExceeded: the session would be in too many rooms.
    """
    match command:
        case Open():
            check_meta(own.meta, limits)
            _check_rooms(len(own.rooms), limits)
            opened = SessionOpened(
                event_id,
                own.session,
                own.connection,
                own.node,
                own.node_epoch,
                own.device,
                tuple(sorted(own.rooms)),
                own.meta,
                own.activity,
            )
            return replace(own, active_at=now), opened
        case JoinRoom(room=room):
            if room in own.rooms:
                return own, None
            _check_rooms(len(own.rooms) + 1, limits)
            return replace(own, rooms=own.rooms | {room}), RoomJoined(event_id, own.session, own.connection, room)
        case LeaveRoom(room=room):
            if room not in own.rooms:
                return own, None
            return replace(own, rooms=own.rooms - {room}), RoomLeft(event_id, own.session, own.connection, room)
        case SetActivity(activity=activity):
            return _set_activity(own, activity, event_id, now)
        case SetMeta(meta=meta):
            check_meta(meta, limits)
            if meta == own.meta:
                return own, None
            return replace(own, meta=meta), MetaChanged(event_id, own.session, own.connection, meta)
        case SetOverride():
            return own, _set_override(command, own, event_id, now, limits)
        case ClearOverride():
            return own, OverrideCleared(event_id, Layer.USER, by=own.user)
        case Close(reason=reason):
            return own, SessionClosed(event_id, own.session, own.connection, reason)
        case Lose(reason=reason, grace_ms=grace_ms):
            return own, ConnectionLost(event_id, own.session, own.connection, reason, grace_ms)
        case _:
            assert_never(command)


def check_meta(meta: Meta, limits: Limits) -> None:
    """Raise `TooLarge` or `InvalidField` when ``meta`` is over its limits."""
    if len(meta) > limits.meta_keys:
        raise TooLarge("meta keys", len(meta), limits.meta_keys)
    if is_deeper(meta, limits.meta_depth):
        raise InvalidField("meta", f"nested deeper than {limits.meta_depth}")
    encoded = msgspec.json.encode(meta)
    if len(encoded) > limits.meta_bytes:
        raise TooLarge("meta bytes", len(encoded), limits.meta_bytes)
    if "__proto__" in meta:
        raise InvalidField("meta", "the key __proto__ is not allowed")
    if _NUL.search(encoded):
        raise InvalidField("meta", "the character U+0000 is not allowed")


def _set_activity(
    own: Attachment, activity: Activity, event_id: EventId, now: Millis
) -> tuple[Attachment, UserEvent | None]:
    # Active again within the same minute says nothing new: last_active moves in buckets.
    fresh = activity is Activity.IDLE or now - own.active_at < LAST_ACTIVE_BUCKET_MS
    if activity is own.activity and fresh:
        return own, None
    active_at = own.active_at if activity is Activity.IDLE else now
    return replace(own, activity=activity, active_at=active_at), ActivityChanged(
        event_id, own.session, own.connection, activity
    )


def _set_override(command: SetOverride, own: Attachment, event_id: EventId, now: Millis, limits: Limits) -> OverrideSet:
    if command.status not in _OWN_STATUSES:
        raise InvalidField("status", "offline cannot be set; use invisible or goodbye")
    if len(command.note) > limits.note_chars:
        raise TooLarge("note characters", len(command.note), limits.note_chars)
    if "\x00" in command.note:
        raise InvalidField("note", "the character U+0000 is not allowed")
    for_ms = limits.override_ms if command.for_ms is None else command.for_ms
    if not 0 < for_ms <= limits.override_ms:
        raise InvalidField("for_ms", f"1 to {limits.override_ms}")
    return OverrideSet(event_id, Layer.USER, command.status, Millis(now + for_ms), command.note, own.user)


def _check_rooms(count: int, limits: Limits) -> None:
    if count > limits.rooms:
        raise LimitExceeded("rooms per session", limits.rooms)
