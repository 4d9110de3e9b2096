"""Turn what a client sent into a checked frame, or into the error that answers it. Never echoes the input."""

import re
from collections.abc import Iterable
from typing import Any, assert_never

import msgspec
from msgspec import Struct

from presence.domain.commands import (
    ClearOverride,
    Close,
    Command,
    JoinRoom,
    LeaveRoom,
    SetActivity,
    SetMeta,
    SetOverride,
)
from presence.domain.errors import InvalidField, PresenceError
from presence.domain.ids import Millis, RoomId, SessionId, TenantId, UserId, UserKey, name, user_key
from presence.wire.frames import (
    ClientFrame,
    Error,
    Goodbye,
    Hello,
    Join,
    Leave,
    SayActivity,
    SayMeta,
    SetStatus,
    decode_client_frame,
)
from ws_edge.codes import ERROR_CODES

_ID_MAX = 64
# What IdSource gives out, and what older versions of it may have.
_SESSION = re.compile(r"[0-9A-Za-z_-]{1,64}")
# Above it JavaScript rounds integers: what one client wrote another would read differently.
_MAX_INTEGER = 2**53
# A meta of 1 KiB could nest 500 deep, which some JSON readers behind us refuse.
_MAX_DEPTH = 16
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field ")
_MISSING_FIELD = re.compile(r"Object missing required field `([^`]+)`")
_BAD_TYPE = re.compile(r"Invalid value .* at `\$\.t`|Expected `str` - at `\$\.t`", re.DOTALL)


class _Identified(Struct):
    id: Any = None


_identify = msgspec.json.Decoder(_Identified)


def parse(text: str) -> ClientFrame | Error:
    """Decode and check one message."""
    try:
        frame = decode_client_frame(text)
    except msgspec.ValidationError as exc:
        return _invalid(text, str(exc))
    except (msgspec.DecodeError, RecursionError):
        return error("bad_json")
    if frame.id is not None and len(frame.id) > _ID_MAX:
        return error("invalid_field", field="id", problem=f"at most {_ID_MAX} characters")
    if isinstance(frame, Hello | SayMeta):
        try:
            check_json(frame.meta)
        except InvalidField as exc:
            return refusal(exc, frame.id)
    return frame


def error(code: str, frame_id: str | None = None, *, field: str | None = None, problem: str = "") -> Error:
    """An error frame with the text of its code."""
    entry = ERROR_CODES[code]
    return Error(code, problem or entry.text, entry.retry, frame_id, field)


def refusal(exc: PresenceError, frame_id: str | None) -> Error:
    """The error frame of a refused command; our errors never hold what the client sent."""
    return Error(exc.code, str(exc), exc.retryable, frame_id, getattr(exc, "field", None))


def check_json(value: Any) -> None:
    """Refuse JSON that other readers would understand differently or not at all. Raises `InvalidField`."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
            elif isinstance(item, int) and abs(item) > _MAX_INTEGER:
                raise InvalidField("meta", "integers beyond 2^53 are not allowed")
        if not inner:
            return
        level = inner
    raise InvalidField("meta", f"nested deeper than {_MAX_DEPTH}")


def user_keys(tenant: TenantId, users: Iterable[str]) -> list[UserKey]:
    """Check the users to watch, without repeats. Raises `InvalidField`."""
    names = [name(user, f"users[{index}]") for index, user in enumerate(users)]
    return [user_key(tenant, UserId(user)) for user in dict.fromkeys(names)]


def room_ids(rooms: Iterable[str]) -> list[RoomId]:
    """Check rooms, without repeats. Raises `InvalidField`."""
    names = [name(room, f"rooms[{index}]") for index, room in enumerate(rooms)]
    return [RoomId(room) for room in dict.fromkeys(names)]


def session_id(text: str | None) -> SessionId | None:
    """The session to come back to; None when there is none or it cannot be one of ours."""
    return SessionId(text) if text is not None and _SESSION.fullmatch(text) else None


Say = Join | Leave | SayActivity | SetStatus | SayMeta | Goodbye
"""Frames by which a client says something about its session."""


def command_of(frame: Say) -> Command:
    """The domain's command that a frame stands for. Raises `InvalidField`."""
    match frame:
        case Join(room=room):
            return JoinRoom(RoomId(name(room, "room")))
        case Leave(room=room):
            return LeaveRoom(RoomId(name(room, "room")))
        case SayActivity(activity=activity):
            return SetActivity(activity)
        case SetStatus(status=None):
            return ClearOverride()
        case SetStatus(status=status, note=note, for_ms=for_ms):
            assert status is not None  # noqa: S101 - the case above; mypy does not narrow by it
            return SetOverride(status, note, None if for_ms is None else Millis(for_ms))
        case SayMeta(meta=meta):
            return SetMeta(meta)
        case Goodbye():
            return Close()
        case _:
            assert_never(frame)


def check_hello(hello: Hello) -> None:
    """Check what a hello says about the session before its token is verified. Raises `InvalidField`."""
    if hello.device is not None:
        name(hello.device, "device")
    room_ids(hello.rooms)


def _invalid(text: str, problem: str) -> Error:
    found = problem.rpartition(" - at `$")
    path = found[2].strip("`").lstrip(".") if found[0] else ""
    frame_id = _id_of(text)
    if _BAD_TYPE.search(problem):
        return error("unknown_type", frame_id)
    if problem.startswith("Expected `object`") and not path:
        return error("bad_message", frame_id)
    if _UNKNOWN_FIELD.match(problem):
        # Its name is the client's own text, and may look like a path.
        return error("invalid_field", frame_id, problem="unknown field")
    if missing := _MISSING_FIELD.match(problem):
        path = f"{path}.{missing[1]}" if path else missing[1]
        return error("invalid_field", frame_id, field=path, problem="required field missing")
    return error("invalid_field", frame_id, field=path or None, problem="of a wrong type or out of range")


def _id_of(text: str) -> str | None:
    """The id of a message that is otherwise wrong, so that its sender can tell which it was."""
    try:
        found = _identify.decode(text).id
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, str) and len(found) <= _ID_MAX else None
