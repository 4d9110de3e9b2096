"""Resuming: what changed since a position, exactly, or the answer that this cannot be told.

A journal keeps, per partition, the last changes with the row as it was before each. A watcher at position p saw every
row as it was just before its first change after p, so these rows against today's give the net of what was missed.
It may have seen some later ones, too (bare diffs move no position), so every row since is given.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from operator import itemgetter
from typing import TypeVar

from presence.domain.ids import RoomId, TenantId, UserKey
from presence.wire.frames import Position
from ws_edge.view import RowChange

Before = dict[UserKey, list[bytes | None]]
"""Users that changed since a position -> their row then, and those after it but for the present one."""

_OFFSET = itemgetter(0)
_K = TypeVar("_K")
_E = TypeVar("_E")


class _Ring:
    """The last changes of one partition, found by user and by room.

    Found, not searched for: after a break thousands resume at once, and who watches few who seldom change holds an old
    position. Reading through everything since would take 10 ms for each of them.
    """

    __slots__ = ("_order", "floor", "rooms", "users")

    def __init__(self, floor: int) -> None:
        self.floor = floor
        """Positions below this one cannot be resumed: something after them is forgotten, or was never seen."""
        # (offset, user, tenant, rooms): not the change itself, which would keep decoded rows alive.
        self._order: list[tuple[int, UserKey, TenantId, tuple[RoomId, ...]]] = []
        self.users: dict[UserKey, list[tuple[int, bytes | None]]] = {}
        """User -> (offset, the row before), in the order of the offsets."""
        self.rooms: dict[tuple[TenantId, RoomId], list[tuple[int, UserKey]]] = {}
        """Room -> (offset, who changed while being there or by coming or going), likewise."""

    def add(self, change: RowChange, size: int) -> None:
        self._order.append((change.offset, change.key, change.tenant, change.rooms))
        self.users.setdefault(change.key, []).append((change.offset, change.raw_before))
        for room in change.rooms:
            self.rooms.setdefault((change.tenant, room), []).append((change.offset, change.key))
        # Forget a quarter at a time: dropping one by one from the front of a list costs its length each time.
        if len(self._order) > size:
            self._forget(max(1, size // 4))

    def since(self, offset: int, tenant: TenantId, users: AbstractSet[UserKey], rooms: AbstractSet[RoomId]) -> Before:
        keys = self.users.keys() & users
        for room in rooms:
            entries = self.rooms.get((tenant, room), ())
            keys.update(key for _, key in entries[bisect_right(entries, offset, key=_OFFSET) :])
        found: Before = {}
        for key in keys:
            rows = self.users[key]
            if rows[-1][0] > offset:
                found[key] = [raw for _, raw in rows[bisect_right(rows, offset, key=_OFFSET) :]]
        return found

    def _forget(self, count: int) -> None:
        forgotten = self._order[:count]
        del self._order[:count]
        self.floor = forgotten[-1][0]
        _shorten(self.users, Counter(key for _, key, _, _ in forgotten))
        _shorten(self.rooms, Counter((tenant, room) for _, _, tenant, rooms in forgotten for room in rooms))


def _shorten(index: dict[_K, list[_E]], counts: Mapping[_K, int]) -> None:
    for key, count in counts.items():
        del index[key][:count]
        if not index[key]:
            del index[key]


class Journal:
    """What may be resumed. ``size`` bounds the changes kept per partition."""

    def __init__(self, feed: str, size: int) -> None:
        self._feed = feed
        self._size = size
        self._rings: dict[int, _Ring] = {}

    def start(self, offsets: Mapping[int, int]) -> None:
        """Begin after the initial load, which ended at ``offsets``: nothing before them can be resumed."""
        self._rings = {partition: _Ring(offset) for partition, offset in offsets.items()}

    def record(self, changes: Iterable[RowChange]) -> None:
        """Remember changes, in the order of their partitions."""
        for change in changes:
            ring = self._rings.get(change.partition)
            if ring is None:
                # A partition that was not there at the start: complete from its beginning.
                ring = self._rings[change.partition] = _Ring(-1)
            ring.add(change, self._size)

    def since(
        self,
        position: Position,
        now: Mapping[int, int],
        tenant: TenantId,
        users: AbstractSet[UserKey],
        rooms: AbstractSet[RoomId],
    ) -> Before | None:
        """Rows since ``position`` of those who changed since and are or were watched; None: unknown.

        ``now`` are the view's offsets; a position beyond them comes from a node that is ahead of us.
        """
        if position.feed != self._feed or position.offsets.keys() != now.keys():
            return None
        before: Before = {}
        for partition, offset in position.offsets.items():
            if offset > now[partition]:
                return None
            ring = self._rings.get(partition)
            if ring is None:
                # Known and unchanged since before the start: only the very end of it is safe.
                if offset != now[partition]:
                    return None
                continue
            if offset < ring.floor:
                return None
            before |= ring.since(offset, tenant, users, rooms)
        return before
