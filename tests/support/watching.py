"""Edges without sockets, and clients that lose frames: for tests of what watchers end up knowing."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from control.client.store import LocalStore
from presence.domain.events import Event, Stamp
from presence.domain.fold import evolve
from presence.domain.ids import Millis, RoomId, TenantId, UserId, UserKey, split_key, user_key
from presence.domain.state import UserPresence
from presence.domain.views import Audience, Presence, view_in_room, view_user
from presence.ports import ChangelogBatch
from presence.wire.frames import (
    Diff,
    Position,
    Resume,
    Resumed,
    ServerFrame,
    Snapshot,
    decode_server_frame,
)
from presence.wire.rows import encode_row
from ws_edge.hub import Hub
from ws_edge.interest import Subscriber
from ws_edge.recovery import Journal
from ws_edge.view import View

FEED = "feed-1"


def unframed(data: bytes) -> ServerFrame:
    """The frame in one WebSocket text frame as the hub makes them."""
    size = data[1]
    return decode_server_frame(data[{126: 4, 127: 10}.get(size, 2) :])


class Feed:
    """A changelog: rows by partition, in memory, with holes between its offsets if a test wants them."""

    def __init__(self, partitions: int = 2) -> None:
        self.rows: list[list[tuple[int, bytes, bytes | None]]] = [[] for _ in range(partitions)]
        self._next = [0] * partitions

    def publish(self, partition: int, key: UserKey, row: UserPresence | None, hole: int = 0) -> int:
        """Append a row; returns its offset."""
        offset = self._next[partition] + hole
        self._next[partition] = offset + 1
        self.rows[partition].append((offset, key.encode(), None if row is None else encode_row(row)))
        return offset


class Book:
    """Rows of users, written on by events at ever higher offsets, a second apart."""

    def __init__(self) -> None:
        self._rows: dict[UserKey, UserPresence] = {}
        self._offset = -1

    def write(self, key: UserKey, event: Event) -> UserPresence:
        """Fold an event; returns the row, which must be one."""
        self._offset += 1
        row = evolve(self._rows.get(key), event, Stamp(self._offset, Millis(1_700_000_000_000 + 1_000 * self._offset)))
        assert row is not None
        self._rows[key] = row
        return row


class QuietEdge:
    """View, journal and hub of one edge; reads the feed when told to."""

    def __init__(self, feed: Feed, paced_above: int = 1, dirty_keys: int = 2, journal: int = 6) -> None:
        self._feed = feed
        self._read = [len(rows) for rows in feed.rows]
        self.view = View()
        for partition, rows in enumerate(feed.rows):
            self.view.apply(ChangelogBatch(partition, rows))
            self.view.advance(partition, feed._next[partition] - 1)
        self.journal = Journal(FEED, journal)
        self.journal.start(self.view.offsets)
        self.hub = Hub(FEED, self.view, self.journal, paced_above=paced_above, dirty_keys=dirty_keys)

    def read(self, partition: int, count: int | None = None) -> None:
        """Take in the next rows of a partition, all by default."""
        start = self._read[partition]
        rows = self._feed.rows[partition][start : None if count is None else start + count]
        self._read[partition] += len(rows)
        changes = self.view.apply(ChangelogBatch(partition, rows))
        self.journal.record(changes)
        self.hub.route(changes)

    def has_read(self, progress: list[int]) -> bool:
        """Whether it has come as far in every partition."""
        return all(mine >= wanted for mine, wanted in zip(self._read, progress, strict=True))

    @property
    def progress(self) -> list[int]:
        """How many rows of each partition it has read."""
        return list(self._read)

    def read_all(self) -> None:
        """Take in everything there is."""
        for partition in range(len(self._feed.rows)):
            self.read(partition)


@dataclass
class Client:
    """One client: what it watches, what it was sent, what of that arrived, and what it knows."""

    tenant: TenantId
    audience: Audience
    edge: QuietEdge
    store: LocalStore = field(default_factory=LocalStore)
    users: set[UserId] = field(default_factory=set)
    rooms: set[RoomId] = field(default_factory=set)
    subscriber: Subscriber = field(init=False)
    known: list[int] = field(init=False)
    arrived: int = 0
    """Frames of the outbox that the client has taken."""

    def __post_init__(self) -> None:
        self.known = [0] * len(self.edge.progress)
        self._connect()

    def _connect(self) -> None:
        self.subscriber = Subscriber(self)
        self.subscriber.tenant, self.subscriber.audience = self.tenant, self.audience
        self.arrived = 0

    @property
    def is_slow(self) -> bool:
        """Whether its changes are kept back."""
        return self.subscriber.dirty is not None

    def keys(self, users: Iterable[UserId]) -> list[UserKey]:
        """Keys of users of its tenant."""
        return [user_key(self.tenant, user) for user in users]

    def watch(self, users: Iterable[UserId], rooms: Iterable[RoomId]) -> None:
        """Follow more."""
        users, rooms = set(users), set(rooms)
        self.users |= users
        self.rooms |= rooms
        self.edge.hub.watch(self.subscriber, self.keys(users), rooms, None)

    def unwatch(self, users: Iterable[UserId], rooms: Iterable[RoomId]) -> None:
        """Follow less; what is on its way arrives before."""
        self.take()
        users, rooms = set(users), set(rooms)
        self.users -= users
        self.rooms -= rooms
        self.edge.hub.unwatch(self.subscriber, self.keys(users), rooms)
        self.store.forget(users, rooms)

    def take(self, count: int | None = None) -> list[ServerFrame]:
        """Take frames in, all by default; returns them."""
        outbox = self.subscriber.outbox
        end = len(outbox) if count is None else min(len(outbox), self.arrived + count)
        frames = [unframed(data) for data in outbox[self.arrived : end]]
        self.arrived = end
        for frame in frames:
            if isinstance(frame, Snapshot):
                self.store.take_snapshot(frame)
            elif isinstance(frame, Diff | Resumed):
                self.store.merge(frame)
        return frames

    def furthest(self) -> list[int]:
        """How far any edge that it was connected to had read by the time."""
        return [max(pair) for pair in zip(self.known, self.edge.progress, strict=True)]

    def cut(self) -> None:
        """Lose the connection and whatever is on its way."""
        self.known = self.furthest()
        self.edge.hub.drop(self.subscriber)
        # What never arrived is not known, hence not named in a resume.
        self.users = {UserId(user) for user in self.store.users}
        self.rooms = {RoomId(room) for room in self.store.rooms}
        self._connect()

    def resume(self, edge: QuietEdge) -> bool:
        """Come back at an edge; returns whether it went on exactly."""
        self.edge = edge
        if self.store.position is None:
            self.watch(self.users, self.rooms)
            return True
        request = Resume(self.store.position, None, sorted(self.users), sorted(self.rooms))
        return edge.hub.resume(self.subscriber, self.keys(self.users), self.rooms, request)

    def leave(self) -> None:
        """Be gone for good."""
        self.edge.hub.drop(self.subscriber)


def copy_of(client: Client) -> Client:
    """Another client that knows the same and is connected nowhere."""
    twin = Client(client.tenant, client.audience, client.edge)
    twin.users, twin.rooms = set(client.users), set(client.rooms)
    twin.store.users = dict(client.store.users)
    twin.store.rooms = {room: dict(occupants) for room, occupants in client.store.rooms.items()}
    held = client.store.position
    twin.known = client.furthest()
    twin.store.position = None if held is None else Position(held.feed, dict(held.offsets))
    return twin


def expected_users(rows: dict[UserKey, UserPresence], client: Client) -> dict[str, Presence]:
    """What the client must know of its users, by the rows alone."""
    return {u: view_user(rows.get(user_key(client.tenant, u)), client.audience) for u in client.users}


def expected_rooms(rows: dict[UserKey, UserPresence], client: Client) -> dict[str, dict[str, Presence]]:
    """What the client must know of its rooms, by the rows alone."""
    return {
        room: {
            split_key(key)[1]: seen
            for key, row in rows.items()
            if split_key(key)[0] == client.tenant and (seen := view_in_room(row, room, client.audience)) is not None
        }
        for room in client.rooms
    }
