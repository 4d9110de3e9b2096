"""The fold of one partition: many users, the fences of lost nodes, and which users a node vouches for.

Stream worker, history, replay and tests all fold through this class; they differ in where the rows live.
"""

from collections.abc import Iterable, MutableMapping

from msgspec import Struct

from presence.domain.events import Event, GraceOver, NodeLost, SessionClosed, SessionOpened, Stamp
from presence.domain.fold import evolve, is_fenced, raise_fence
from presence.domain.ids import NodeId, UserKey
from presence.domain.state import NodeFence, UserPresence

# Nothing else moves a session to a node or off it. A tuple: `A | B` would build the union anew for every event.
_MOVES = (SessionOpened, SessionClosed, GraceOver)


class Change(Struct, frozen=True, gc=False):
    """One user's row before and after an event; None where there is no row."""

    key: UserKey
    before: UserPresence | None
    after: UserPresence | None


class PartitionFold:
    """Fold events into rows. Pure but for the two mappings it is given, which it reads and writes."""

    def __init__(
        self,
        users: MutableMapping[UserKey, UserPresence],
        fences: MutableMapping[NodeId, NodeFence],
    ) -> None:
        self._users = users
        self._fences = fences
        # Users with a session on a node, live or lost; kept so that NodeLost costs what it touches.
        self._keys_by_node: dict[NodeId, set[UserKey]] = {}

    def index(self, rows: Iterable[tuple[UserKey, UserPresence]]) -> None:
        """Learn which nodes vouch for which users, after rows came from elsewhere (recovery)."""
        for key, state in rows:
            self._reindex(key, None, state)

    def apply(self, key: UserKey, event: Event, stamp: Stamp) -> list[Change]:
        """Fold one event; return the rows that changed (an event that is skipped changes none)."""
        if isinstance(event, NodeLost):
            return self._lose_node(event, stamp)
        if isinstance(event, SessionOpened) and is_fenced(self._fences.get(event.node), event, stamp):
            return []
        change = self._evolve(key, event, stamp)
        return [change] if change is not None else []

    def _lose_node(self, event: NodeLost, stamp: Stamp) -> list[Change]:
        current = self._fences.get(event.node)
        fence = raise_fence(current, event, stamp)
        if fence is not current:
            self._fences[event.node] = fence
        # Sorted: the order of changes must not depend on hashing.
        keys = sorted(self._keys_by_node.get(event.node, ()))
        return [change for key in keys if (change := self._evolve(key, event, stamp)) is not None]

    def _evolve(self, key: UserKey, event: Event, stamp: Stamp) -> Change | None:
        before = self._users.get(key)
        after = evolve(before, event, stamp)
        if after is before:
            return None
        if after is None:
            del self._users[key]
        else:
            self._users[key] = after
        if isinstance(event, _MOVES):
            self._reindex(key, before, after)
        return Change(key, before, after)

    def _reindex(self, key: UserKey, before: UserPresence | None, after: UserPresence | None) -> None:
        old, new = _nodes(before), _nodes(after)
        for node in old - new:
            keys = self._keys_by_node[node]
            keys.discard(key)
            if not keys:
                del self._keys_by_node[node]
        for node in new - old:
            self._keys_by_node.setdefault(node, set()).add(key)


def _nodes(state: UserPresence | None) -> set[NodeId]:
    return set() if state is None else {session.life.node for session in state.sessions.values()}
