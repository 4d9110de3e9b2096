"""What one connection watches, and what of it could not be sent yet."""

from collections.abc import Iterable

from presence.domain.ids import RoomId, TenantId, UserKey
from presence.domain.views import Audience, Presence
from ws_edge.config import EdgeLimits

Dirty = dict[tuple[RoomId | None, UserKey], Presence | None]
"""(room, or None for the user as such; user) -> what the watcher last saw of it."""


class Subscriber:
    """A connection as the hub sees it: a bag of slots, since there are many."""

    __slots__ = ("audience", "dirty", "outbox", "overflowed", "paced", "rooms", "sink", "tenant", "users")

    def __init__(self, sink: object) -> None:
        self.sink = sink
        """Whoever writes: the hub never looks inside."""
        self.tenant = TenantId("")
        self.audience = Audience.PUBLIC
        self.users: set[UserKey] | None = None
        self.rooms: set[RoomId] | None = None
        self.paced = 0
        """How many rooms in interval mode it watches."""
        self.dirty: Dirty | None = None
        """Not None while the connection is slow."""
        self.overflowed = False
        """More changed than ``dirty`` may hold: only a snapshot helps."""
        self.outbox: list[bytes] = []

    @property
    def is_watching(self) -> bool:
        """Whether it follows anything."""
        return bool(self.users) or bool(self.rooms)

    def would_exceed(self, limits: EdgeLimits, users: Iterable[UserKey], rooms: Iterable[RoomId]) -> bool:
        """Whether following these as well would be more than one connection may follow."""
        return (
            len({*(self.users or ()), *users}) > limits.watched_users
            or len({*(self.rooms or ()), *rooms}) > limits.watched_rooms
        )
