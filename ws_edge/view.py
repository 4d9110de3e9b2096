"""The edge's picture of everybody: the rows of the changelog, and which users are in which room.

Rows stay encoded: a user costs the bytes of the row instead of a tree of objects, and decoding one takes a microsecond.
"""

from collections.abc import Collection, Iterator

from msgspec import Struct

from presence.domain.errors import UndecodableRecord
from presence.domain.ids import CONTROL_MARK, RoomId, SessionId, TenantId, UserId, UserKey, split_key
from presence.domain.state import UserPresence
from presence.domain.views import rooms_of
from presence.ports import ChangelogBatch
from presence.wire.rows import decode_row

_NOWHERE: frozenset[RoomId] = frozenset()


class RowChange(Struct, frozen=True, gc=False):
    """One row before and after; None where there is none."""

    key: UserKey
    tenant: TenantId
    user: UserId
    before: UserPresence | None
    after: UserPresence | None
    rooms: tuple[RoomId, ...]
    """Rooms the user was or is in."""
    partition: int
    offset: int
    raw_before: bytes | None


class View:
    """Rows by key, rooms by tenant, and up to which offset of each partition they are known."""

    def __init__(self) -> None:
        self._rows: dict[UserKey, bytes] = {}
        self._rooms: dict[TenantId, dict[RoomId, set[UserId]]] = {}
        self._crowds: dict[tuple[TenantId, RoomId], int] = {}
        self.offsets: dict[int, int] = {}
        self.undecodable = 0
        """Rows that could not be decoded and were left out."""
        self.outdated = 0
        """Rows older than what we have (a worker that was frozen wrote late)."""

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: UserKey) -> UserPresence | None:
        """What is known of a user."""
        return decode_user(key, self._rows.get(key))

    def knows_session(self, key: UserKey, session: SessionId) -> bool:
        """Whether the user has this session."""
        state = self.get(key)
        return state is not None and session in state.sessions

    def occupants(self, tenant: TenantId, room: RoomId) -> Collection[UserId]:
        """Users with a session in a room, the invisible ones too."""
        return self._rooms.get(tenant, {}).get(room, ())

    def crowd(self, tenant: TenantId, room: RoomId) -> int:
        """How many users the public sees in a room."""
        return self._crowds.get((tenant, room), 0)

    def keys(self) -> Iterator[UserKey]:
        """Every user there is a row of."""
        return iter(self._rows)

    def advance(self, partition: int, offset: int) -> None:
        """Know that nothing is missing up to ``offset``."""
        self.offsets[partition] = max(offset, self.offsets.get(partition, -1))

    def apply(self, batch: ChangelogBatch) -> list[RowChange]:
        """Take rows in; return what changed. Rows at or below the partition's offset were taken in before."""
        seen = self.offsets.get(batch.partition, -1)
        changes = []
        for offset, raw_key, value in batch.rows:
            if offset <= seen:
                continue
            seen = offset
            change = self._take(batch.partition, offset, raw_key, value)
            if change is not None:
                changes.append(change)
        self.offsets[batch.partition] = seen
        return changes

    def _take(self, partition: int, offset: int, raw_key: bytes, value: bytes | None) -> RowChange | None:
        key = UserKey(raw_key.decode("utf-8", "replace"))
        if key.startswith(CONTROL_MARK):
            return None
        raw_before = self._rows.get(key)
        before = decode_user(key, raw_before)
        try:
            after = decode_user(key, value)
        except UndecodableRecord:
            self.undecodable += 1
            return None
        if before is not None and after is not None and after.offset < before.offset:
            self.outdated += 1
            return None
        if value is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = value
        tenant, user = split_key(key)
        was, now = rooms_of(before), rooms_of(after)
        if was != now:
            self._move(tenant, user, was, now)
        if was or now:
            self._recount(tenant, was if _is_seen(before) else _NOWHERE, now if _is_seen(after) else _NOWHERE)
        return RowChange(key, tenant, user, before, after, tuple(was | now), partition, offset, raw_before)

    def _move(self, tenant: TenantId, user: UserId, was: frozenset[RoomId], now: frozenset[RoomId]) -> None:
        rooms = self._rooms.setdefault(tenant, {})
        for room in was - now:
            occupants = rooms[room]
            occupants.discard(user)
            if not occupants:
                del rooms[room]
        for room in now - was:
            rooms.setdefault(room, set()).add(user)
        if not rooms:
            del self._rooms[tenant]

    def _recount(self, tenant: TenantId, was: frozenset[RoomId], now: frozenset[RoomId]) -> None:
        for room in was - now:
            self._crowds[tenant, room] -= 1
            if not self._crowds[tenant, room]:
                del self._crowds[tenant, room]
        for room in now - was:
            self._crowds[tenant, room] = self.crowd(tenant, room) + 1


def _is_seen(state: UserPresence | None) -> bool:
    return state is not None and state.status.is_visible


def decode_user(key: UserKey, raw: bytes | None) -> UserPresence | None:
    """Decode a user's row. Raises `UndecodableRecord`."""
    if raw is None:
        return None
    row = decode_row(key, raw)
    return row if isinstance(row, UserPresence) else None
