"""Who watches what: an index from users and rooms to their watchers, by tenant and audience."""

from collections.abc import Iterator

from presence.domain.ids import RoomId, TenantId, UserId, UserKey
from presence.domain.views import Audience, Presence
from ws_edge.interest import Subscriber


class Topic:
    """The watchers of one user or of one room. A paced room also holds what changed since its last diff."""

    __slots__ = ("by_audience", "pending")

    def __init__(self) -> None:
        self.by_audience: dict[Audience, set[Subscriber]] = {}
        self.pending: dict[Audience, dict[UserId, Presence | None]] | None = None
        """Not None in interval mode: who changed in an audience's eyes, and what it saw before the first change."""

    @property
    def is_paced(self) -> bool:
        """Whether the room is in interval mode."""
        return self.pending is not None

    def watchers(self) -> Iterator[Subscriber]:
        """All of them."""
        for subscribers in self.by_audience.values():
            yield from subscribers

    def add(self, subscriber: Subscriber) -> None:
        """Let a subscriber watch."""
        self.by_audience.setdefault(subscriber.audience, set()).add(subscriber)

    def remove(self, subscriber: Subscriber) -> bool:
        """Let it watch no longer; True when nobody watches any more."""
        subscribers = self.by_audience.get(subscriber.audience)
        if subscribers is not None:
            subscribers.discard(subscriber)
            if not subscribers:
                del self.by_audience[subscriber.audience]
        return not self.by_audience

    def defer(self, audience: Audience, user: UserId, before: Presence | None) -> None:
        """Remember that a user changed; ``before`` is what the audience saw."""
        assert self.pending is not None  # noqa: S101 - asked in interval mode only
        self.pending.setdefault(audience, {}).setdefault(user, before)

    def take_pending(self) -> list[tuple[Audience, dict[UserId, Presence | None]]]:
        """What changed since this was asked last."""
        pending, self.pending = self.pending or {}, {}
        return list(pending.items())

    def set_paced(self, *, paced: bool) -> None:
        """Enter or leave interval mode; its watchers know how many such rooms they watch."""
        step = 1 if paced else -1
        self.pending = {} if paced else None
        for subscriber in self.watchers():
            subscriber.paced += step


class Topics:
    """The index. Holds a topic only while somebody watches it."""

    def __init__(self) -> None:
        self._users: dict[UserKey, Topic] = {}
        self._rooms: dict[TenantId, dict[RoomId, Topic]] = {}

    def user(self, key: UserKey) -> Topic | None:
        """The watchers of a user."""
        return self._users.get(key)

    def room(self, tenant: TenantId, room: RoomId) -> Topic | None:
        """The watchers of a room."""
        return self._rooms.get(tenant, {}).get(room)

    def watch_user(self, subscriber: Subscriber, key: UserKey) -> None:
        """Watch a user."""
        subscriber.users = subscriber.users or set()
        if key not in subscriber.users:
            subscriber.users.add(key)
            self._users.setdefault(key, Topic()).add(subscriber)

    def unwatch_user(self, subscriber: Subscriber, key: UserKey) -> None:
        """Watch a user no longer."""
        if subscriber.users and key in subscriber.users:
            subscriber.users.discard(key)
            if self._users[key].remove(subscriber):
                del self._users[key]

    def watch_room(self, subscriber: Subscriber, room: RoomId) -> Topic:
        """Watch a room."""
        subscriber.rooms = subscriber.rooms or set()
        topic = self._rooms.setdefault(subscriber.tenant, {}).setdefault(room, Topic())
        if room not in subscriber.rooms:
            subscriber.rooms.add(room)
            topic.add(subscriber)
            subscriber.paced += topic.is_paced
        return topic

    def unwatch_room(self, subscriber: Subscriber, room: RoomId) -> Topic | None:
        """Watch a room no longer; returns the topic that nobody watches any more."""
        if not subscriber.rooms or room not in subscriber.rooms:
            return None
        subscriber.rooms.discard(room)
        rooms = self._rooms[subscriber.tenant]
        topic = rooms[room]
        subscriber.paced -= topic.is_paced
        if not topic.remove(subscriber):
            return None
        del rooms[room]
        if not rooms:
            del self._rooms[subscriber.tenant]
        return topic
