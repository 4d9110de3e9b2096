"""Rooms in interval mode: which they are. Their topics keep what changed since the last interval."""

from collections.abc import Iterator

from presence.domain.ids import RoomId, TenantId
from ws_edge.topics import Topic
from ws_edge.view import View


class Pacing:
    """Rooms in which more than ``above`` users are seen are told of changes once an interval.

    Those that nobody of the public sees do not count: a room's mode must not tell of them.
    """

    def __init__(self, view: View, above: int) -> None:
        self._view = view
        self._above = above
        self._paced: dict[tuple[TenantId, RoomId], Topic] = {}

    def consider(self, tenant: TenantId, room: RoomId, topic: Topic) -> None:
        """Put a room into interval mode if it has become large."""
        if not topic.is_paced and self._view.crowd(tenant, room) > self._above:
            topic.set_paced(paced=True)
            self._paced[tenant, room] = topic

    def relax(self, tenant: TenantId, room: RoomId, topic: Topic) -> None:
        """Take a room to whose watchers nothing is owed out of interval mode if it has become small."""
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
