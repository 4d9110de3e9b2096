"""Rooms in interval mode: which they are, and what their watchers have been told so far.

Such a room is shown to everybody as of its last interval, in snapshots and resumptions too: were somebody shown more,
the net of the interval would not be the net for them.
"""

from collections.abc import Iterator

from presence.domain.ids import RoomId, TenantId, UserKey, split_key, user_key
from presence.domain.state import UserPresence
from ws_edge.topics import Topic, Topics
from ws_edge.view import View


class Pacing:
    """Rooms with more than ``above`` occupants are told of changes once an interval."""

    def __init__(self, view: View, topics: Topics, above: int) -> None:
        self._view = view
        self._topics = topics
        self._above = above
        self._paced: dict[tuple[TenantId, RoomId], Topic] = {}

    def consider(self, tenant: TenantId, room: RoomId, topic: Topic) -> None:
        """Put a room into interval mode if it has become large."""
        if not topic.is_paced and self._view.crowd(tenant, room) > self._above:
            topic.set_paced(paced=True)
            self._paced[tenant, room] = topic

    def relax(self, tenant: TenantId, room: RoomId, topic: Topic) -> None:
        """Take a room whose watchers know everything out of interval mode if it has become small."""
        # A fifth below the limit, so that a room at the limit does not change its mode all the time.
        if self._view.crowd(tenant, room) <= self._above * 4 // 5:
            topic.set_paced(paced=False)
            del self._paced[tenant, room]

    def forget(self, tenant: TenantId, room: RoomId) -> None:
        """Nobody watches it any more."""
        self._paced.pop((tenant, room), None)

    def rooms(self) -> Iterator[tuple[TenantId, RoomId, Topic]]:
        """All rooms in interval mode; they may change meanwhile."""
        for (tenant, room), topic in list(self._paced.items()):
            yield tenant, room, topic

    def pending(self, tenant: TenantId, room: RoomId) -> set[UserKey]:
        """Users of whom the room's watchers are still to be told something."""
        topic = self._paced.get((tenant, room))
        return set() if topic is None else {user_key(tenant, user) for user in topic.pending or ()}

    def told(self, key: UserKey, room: RoomId | None) -> UserPresence | None:
        """A user's row as the watchers of a room, or of the user as such, were told it."""
        tenant, user = split_key(key)
        topic = None if room is None else self._paced.get((tenant, room))
        if topic is not None and topic.pending and user in topic.pending:
            return topic.pending[user]
        return self._view.get(key)

    def occupants(self, tenant: TenantId, room: RoomId) -> set[UserKey]:
        """Everybody who may be in the room as its watchers were told it."""
        return {user_key(tenant, user) for user in self._view.occupants(tenant, room)} | self.pending(tenant, room)
