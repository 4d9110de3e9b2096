"""What a watcher knows: snapshots and diffs merged into the picture the edge has."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import UNSET, Struct

from presence.domain.views import DiffKind, Presence
from presence.wire.frames import Changes, Diff, Position, Resumed, Snapshot


class Seen(Struct, frozen=True):
    """One user's change in the eyes of this watcher; ``room`` None when the user itself is watched."""

    kind: DiffKind
    user: str
    presence: Presence
    room: str | None = None


class LocalStore:
    """The watched users and rooms, and up to which position they are known.

    Only what is watched is kept: a diff about anything else (its unwatch was on the way) changes nothing.
    """

    def __init__(self) -> None:
        self.users: dict[str, Presence] = {}
        """Every watched user, offline ones too."""
        self.rooms: dict[str, dict[str, Presence]] = {}
        """Every watched room with its occupants."""
        self.position: Position | None = None
        """Where to resume from; None before the first snapshot."""
        self.stale = False
        """Whether the edge said that its picture may lag behind the log."""

    def take_snapshot(self, frame: Snapshot) -> None:
        """Replace what the snapshot is about; everything when it resets."""
        if frame.reset or (self.position is not None and self.position.feed != frame.position.feed):
            self.users.clear()
            self.rooms.clear()
            self.position = None
        self.users.update(frame.users)
        self.rooms.update({room: dict(occupants) for room, occupants in frame.rooms.items()})
        self._move(frame.position.feed, frame.position.offsets)
        self.stale = frame.stale

    def merge(self, frame: Diff | Resumed) -> list[Seen]:
        """Merge changes; return them one by one, users before rooms."""
        seen: list[Seen] = []
        if frame.users is not UNSET:
            seen += self._merge_users(frame.users)
        if frame.rooms is not UNSET:
            for room, changes in frame.rooms.items():
                seen += self._merge_room(room, changes)
        if isinstance(frame, Resumed):
            self._move(frame.position.feed, frame.position.offsets)
        elif self.position is not None:
            self._move(self.position.feed, frame.position)
        return seen

    def forget(self, users: Iterable[str], rooms: Iterable[str]) -> None:
        """Drop what is no longer watched."""
        for user in users:
            self.users.pop(user, None)
        for room in rooms:
            self.rooms.pop(room, None)

    def void_position(self) -> None:
        """Give the position up: the next connection asks for a snapshot instead of resuming."""
        self.position = None

    def _merge_users(self, changes: Changes) -> Iterator[Seen]:
        for kind, user, presence in _each(changes):
            if user in self.users:
                self.users[user] = presence
                yield Seen(kind, user, presence)

    def _merge_room(self, room: str, changes: Changes) -> Iterator[Seen]:
        occupants = self.rooms.get(room)
        if occupants is None:
            return
        for kind, user, presence in _each(changes):
            if kind is DiffKind.LEAVE:
                occupants.pop(user, None)
            else:
                occupants[user] = presence
            yield Seen(kind, user, presence, room)

    def _move(self, feed: str, offsets: Mapping[int, int]) -> None:
        # The edge never goes back within a feed, so the greater offset is the later one.
        held = self.position.offsets if self.position is not None and self.position.feed == feed else {}
        merged = {p: max(held.get(p, -1), offsets.get(p, -1)) for p in {*held, *offsets}}
        self.position = Position(feed, merged)


def _each(changes: Changes) -> Iterator[tuple[DiffKind, str, Presence]]:
    for kind, group in (
        (DiffKind.JOIN, changes.joins),
        (DiffKind.UPDATE, changes.updates),
        (DiffKind.LEAVE, changes.leaves),
    ):
        for user, presence in group.items():
            yield kind, user, presence
