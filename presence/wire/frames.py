"""Frames of the WebSocket subprotocol ``presence.v1``: JSON text, one object per frame, ``t`` tells which.

docs/reference/protocol.md is the contract for people; this module is the same for programs. Unknown fields from
clients are refused, so that a typo is an error and not a silent no-op.
"""

from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from presence.domain.status import Activity, Status
from presence.domain.views import Presence

SUBPROTOCOL = "presence.v1"
MAX_FRAME_BYTES = 64 * 1024


class Position(Struct, frozen=True):
    """Up to where a watcher has seen the feed: per partition the changelog offset of the last change seen."""

    feed: str
    offsets: dict[int, int]


# --- from the client ------------------------------------------------------------------------------------------


class _FromClient(Struct, frozen=True, forbid_unknown_fields=True, tag_field="t"):
    """Every client frame may carry an ``id`` of at most 64 characters, which its answer repeats."""


class Hello(_FromClient, frozen=True, tag="hello"):
    """Authenticate, and open the session or come back to it."""

    token: str
    id: str | None = None
    device: str | None = None
    session: str | None = None
    rooms: list[str] = []
    meta: dict[str, Any] = {}
    activity: Activity = Activity.ACTIVE


class Watch(_FromClient, frozen=True, tag="watch"):
    """Follow users and rooms; answered by a `Snapshot`."""

    id: str | None = None
    users: list[str] = []
    rooms: list[str] = []


class Resume(_FromClient, frozen=True, tag="resume"):
    """Follow users and rooms from a position; answered by `Resumed` or, if that cannot be exact, a `Snapshot`."""

    position: Position
    id: str | None = None
    users: list[str] = []
    rooms: list[str] = []


class Unwatch(_FromClient, frozen=True, tag="unwatch"):
    """Follow no longer."""

    id: str | None = None
    users: list[str] = []
    rooms: list[str] = []


class Join(_FromClient, frozen=True, tag="join"):
    """Enter a room with this session."""

    room: str
    id: str | None = None


class Leave(_FromClient, frozen=True, tag="leave"):
    """Leave a room with this session."""

    room: str
    id: str | None = None


class SayActivity(_FromClient, frozen=True, tag="activity"):
    """Say what the device's holder does."""

    activity: Activity
    id: str | None = None


class SetStatus(_FromClient, frozen=True, tag="status"):
    """Fix the own status for ``for_ms``; status null takes it back."""

    status: Status | None
    id: str | None = None
    note: str = ""
    for_ms: int | None = None


class SayMeta(_FromClient, frozen=True, tag="meta"):
    """Replace what the session says about itself."""

    meta: dict[str, Any]
    id: str | None = None


class Goodbye(_FromClient, frozen=True, tag="goodbye"):
    """End the session now, without grace."""

    id: str | None = None


class Ping(_FromClient, frozen=True, tag="ping"):
    """Ask for a `Pong`: for clients that cannot send WebSocket pings (browsers)."""

    id: str | None = None


ClientFrame = Hello | Watch | Resume | Unwatch | Join | Leave | SayActivity | SetStatus | SayMeta | Goodbye | Ping


# --- from the server ------------------------------------------------------------------------------------------


class Timing(Struct, frozen=True):
    """The timings this server works by, ms."""

    ping_ms: int
    pong_wait_ms: int
    grace_ms: int
    idle_ms: int


class Welcome(Struct, frozen=True, tag_field="t", tag="welcome"):
    """The session is open and durable. Keep ``session`` to come back to it."""

    session: str
    connection: str
    tenant: str
    user: str
    device: str
    node: str
    resumed: bool
    time: int
    timing: Timing
    id: str | None = None


class Ack(Struct, frozen=True, tag_field="t", tag="ack"):
    """The command is durable (or changed nothing)."""

    id: str | None


class Error(Struct, frozen=True, tag_field="t", tag="error", omit_defaults=True):
    """The command was refused and changed nothing; ``retry`` tells whether the same may succeed later."""

    code: str
    message: str
    retry: bool
    id: str | None = None
    field: str | None = None


class Changes(Struct, frozen=True, omit_defaults=True):
    """Net changes of a set of users."""

    joins: dict[str, Presence] = {}
    updates: dict[str, Presence] = {}
    leaves: dict[str, Presence] = {}


class Snapshot(Struct, frozen=True, tag_field="t", tag="snapshot"):
    """All that is watched by this request, as of ``position``. ``reset``: forget what you knew of it before."""

    users: dict[str, Presence]
    rooms: dict[str, dict[str, Presence]]
    position: Position
    stale: bool
    id: str | None = None
    reset: bool = False


class Diff(Struct, frozen=True, tag_field="t", tag="diff", omit_defaults=True):
    """What changed. Merge ``position`` into the one you hold."""

    position: dict[int, int]
    users: Changes | UnsetType = UNSET
    rooms: dict[str, Changes] | UnsetType = UNSET


class Resumed(Struct, frozen=True, tag_field="t", tag="resumed", omit_defaults=True):
    """Exactly what was missed since the position of a `Resume`."""

    position: Position
    id: str | None = None
    users: Changes | UnsetType = UNSET
    rooms: dict[str, Changes] | UnsetType = UNSET


class Feed(Struct, frozen=True, tag_field="t", tag="feed"):
    """The feed became stale (the log is away or the edge lags), or fresh again."""

    stale: bool


class Pong(Struct, frozen=True, tag_field="t", tag="pong"):
    """Answer to a `Ping`."""

    time: int
    id: str | None = None


class Bye(Struct, frozen=True, tag_field="t", tag="bye"):
    """Sent before we close: the close code, and how long to wait before coming back."""

    code: int
    reason: str
    retry_after_ms: int | None = None


ServerFrame = Welcome | Ack | Error | Snapshot | Diff | Resumed | Feed | Pong | Bye

_F = TypeVar("_F")

_encoder = msgspec.json.Encoder()
_client: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)
_server: msgspec.json.Decoder[ServerFrame] = msgspec.json.Decoder(ServerFrame)


def encode_frame(frame: ServerFrame | ClientFrame) -> bytes:
    """Encode a frame of either side as UTF-8 JSON."""
    return _encoder.encode(frame)


def decode_client_frame(text: str | bytes) -> ClientFrame:
    """Decode what a client sent.

    Raises:
        msgspec.DecodeError: whatever is wrong with it (a ``ValidationError`` names the field); the edge translates.
    """
    return _decode(_client, text)


def decode_server_frame(text: str | bytes) -> ServerFrame:
    """Decode what a server sent: for clients and tests. Raises likewise."""
    return _decode(_server, text)


def _decode(decoder: msgspec.json.Decoder[_F], text: str | bytes) -> _F:
    try:
        return decoder.decode(text)
    except UnicodeError as exc:
        raise msgspec.DecodeError("the frame is not UTF-8") from exc
    except RecursionError as exc:
        raise msgspec.DecodeError("the frame is nested too deeply") from exc
