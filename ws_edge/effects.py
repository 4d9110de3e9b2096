"""What a connection's state machine wants done. The shell does it, in order, and reports back where asked to."""

from typing import NamedTuple

from msgspec import Struct

from presence.domain.events import UserEvent
from presence.domain.ids import Millis, RoomId, UserKey
from presence.wire.frames import Resume, ServerFrame, Watch
from ws_edge.codes import Code


class Instant(NamedTuple):
    """Now, twice: wall time for events, a clock that never goes back for deadlines."""

    wall: Millis
    mono: int
    """ms."""


class Send(Struct, frozen=True):
    """Send a frame."""

    frame: ServerFrame


class Verify(Struct, frozen=True):
    """Verify a token and report with `Connection.verified` or `Connection.refused`."""

    token: str
    id: str | None


class Append(Struct, frozen=True):
    """Append to the log, in this order, and report with `Connection.appended` under ``number``."""

    number: int
    key: UserKey
    event: UserEvent


class Depart(Struct, frozen=True):
    """Append the last word about a session, however long it takes: nobody is waiting for the answer."""

    key: UserKey
    event: UserEvent


class Attach(Struct, frozen=True):
    """The session is open: look for rows that say another connection took it or somebody closed it."""

    key: UserKey


class Follow(Struct, frozen=True):
    """Answer with a snapshot or a resumption, then send diffs."""

    request: Watch | Resume
    users: list[UserKey]
    rooms: list[RoomId]


class Unfollow(Struct, frozen=True):
    """Send no more diffs of these."""

    users: list[UserKey]
    rooms: list[RoomId]


class SendPing(Struct, frozen=True):
    """Send a WebSocket ping."""


class CloseSocket(Struct, frozen=True):
    """Send a `Bye` and the close frame, then let go of the socket."""

    code: Code
    retry_after_ms: int | None = None


Effect = Send | Verify | Append | Depart | Attach | Follow | Unfollow | SendPing | CloseSocket
