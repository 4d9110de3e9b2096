"""What a client is told to be, and what it tells of what happens."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from msgspec import Struct

from control.client.store import Seen
from presence.domain.status import Activity
from presence.wire.frames import Feed, Snapshot


class LinkState(StrEnum):
    """How the client stands with its edge."""

    CONNECTED = "connected"
    LOST = "lost"


class LinkChanged(Struct, frozen=True):
    """The connection came or went; ``delay_ms`` is the wait before the next try."""

    state: LinkState
    close_code: int | None = None
    reason: str = ""
    delay_ms: int = 0
    session: str | None = None
    resumed: bool = False


News = LinkChanged | Snapshot | Seen | Feed
Listener = Callable[[News], None]
TokenSource = Callable[[], str]


class Identity(Struct, frozen=True):
    """What a client says of itself in its hello."""

    device: str | None = None
    rooms: tuple[str, ...] = ()
    meta: dict[str, Any] = {}
    activity: Activity = Activity.ACTIVE
