"""Resuming: what changed since a position, exactly, or the answer that this cannot be told.

A journal keeps, per partition, the last changes with the row as it was before each. A watcher at position p saw every
row as it was just before its first change after p, so these rows against today's give the net of what was missed.
It may have seen some later ones, too (bare diffs move no position), so every row since is given.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from presence.domain.ids import RoomId, TenantId, UserKey
from presence.wire.frames import Position
from ws_edge.view import RowChange

Before = dict[UserKey, list[bytes | None]]
"""Users that changed since a position -> their row then, and those after it but for the present one."""

_Entry = tuple[UserKey, TenantId, bytes | None, tuple[RoomId, ...]]


class _Ring:
    """The last changes of one partition, by offset."""

    __slots__ = ("entries", "floor", "offsets")

    def __init__(self, floor: int) -> None:
        self.floor = floor
        """Positions below this one cannot be resumed: something after them is forgotten, or was never seen."""
        self.offsets: list[int] = []
        self.entries: list[_Entry] = []

    def add(self, offset: int, entry: _Entry, size: int) -> None:
        self.offsets.append(offset)
        self.entries.append(entry)
        # Forget a quarter at a time: dropping one by one from the front of a list costs its length each time.
        if len(self.offsets) > size:
            cut = max(1, size // 4)
            self.floor = self.offsets[cut - 1]
            del self.offsets[:cut]
            del self.entries[:cut]


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
            ring.add(change.offset, (change.key, change.tenant, change.raw_before, change.rooms), self._size)

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
            for key, owner, raw, touched in ring.entries[bisect_right(ring.offsets, offset) :]:
                if key in users or (owner == tenant and not rooms.isdisjoint(touched)):
                    before.setdefault(key, []).append(raw)
        return before
