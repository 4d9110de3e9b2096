"""Two tenants whose users have the same names, and a worker that folds what they do into a feed."""

from hypothesis import strategies as st

from presence.domain.events import (
    ActivityChanged,
    ConnectionLost,
    Event,
    GraceOver,
    MetaChanged,
    NodeLost,
    OverrideCleared,
    OverrideSet,
    RetentionOver,
    RoomJoined,
    RoomLeft,
    SessionClosed,
    SessionOpened,
    Stamp,
)
from presence.domain.ids import (
    ConnectionId,
    DeviceId,
    EventId,
    Millis,
    NodeEpoch,
    NodeId,
    RoomId,
    SessionId,
    TenantId,
    UserId,
    UserKey,
    split_key,
    user_key,
)
from presence.domain.partition import PartitionFold
from presence.domain.state import Lost, UserPresence
from presence.domain.status import Activity, CloseReason, Layer, LostReason, Status
from presence.wire.events import control_key
from tests.support.watching import Feed

TENANTS = (TenantId("acme"), TenantId("globex"))
USERS = tuple(UserId(f"u{n}") for n in range(3))
ROOMS = tuple(RoomId(f"r{n}") for n in range(2))
KEYS = tuple(user_key(tenant, user) for tenant in TENANTS for user in USERS)
NODE = NodeId("n")

tenants = st.sampled_from(TENANTS)
user_sets = st.sets(st.sampled_from(USERS))
room_sets = st.sets(st.sampled_from(ROOMS))
keys = st.sampled_from(KEYS)
deeds = st.sampled_from(
    ["open", "close", "lose", "grace", "idle", "busy", "join", "leave", "meta", "hide", "dnd", "clear", "forget"]
)


class Worker:
    """Folds and publishes; partition by key."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.rows: dict[UserKey, UserPresence] = {}
        self._folds = [PartitionFold(self.rows, {}) for _ in feed.rows]
        self._offsets = [0] * len(feed.rows)
        self._now = 1_700_000_000_000
        self._count = 0
        self._epoch = 1
        self.older: dict[UserKey, UserPresence] = {}
        """An earlier row of each user."""

    @staticmethod
    def partition(key: UserKey) -> int:
        """Where a user's rows are."""
        return KEYS.index(key) % 2

    def do(self, key: UserKey, deed: str, session: int, room: RoomId, hole: int = 0) -> None:
        """Have a user do something, if they can."""
        self._now += 1_000
        self._count += 1
        event = self._event(key, deed, SessionId(f"{split_key(key)[0]}-s{session}"), room)
        if event is not None:
            self._append(self.partition(key), key, event, hole)

    def lose_node(self) -> None:
        """The node that vouches for everybody is lost, and restarts."""
        self._now += 1_000
        self._count += 1
        for partition in range(len(self._folds)):
            event = NodeLost(EventId("n"), NODE, NodeEpoch(self._epoch), Millis(0))
            self._append(partition, control_key(NODE), event)
        self._epoch += 1

    def repeat(self, key: UserKey) -> None:
        """Publish what is so already, as a worker does after a crash."""
        self.feed.publish(self.partition(key), key, self.rows.get(key))

    def publish_late(self, key: UserKey) -> None:
        """Publish an old row, as a worker does that was frozen."""
        row, now = self.older.get(key), self.rows.get(key)
        if row is not None and now is not None and row.offset < now.offset:
            self.feed.publish(self.partition(key), key, row)

    def _append(self, partition: int, key: UserKey, event: Event, hole: int = 0) -> None:
        stamp = Stamp(self._offsets[partition], Millis(self._now))
        self._offsets[partition] += 1
        # One mapping for all partitions here: a lost node must touch those of its own partition only.
        changes = self._folds[partition].apply(key, event, stamp)
        for change in changes:
            if change.before is not None:
                self.older[change.key] = change.before
            self.feed.publish(partition, change.key, change.after, hole)

    def _event(self, key: UserKey, deed: str, name: SessionId, room: RoomId) -> Event | None:
        row = self.rows.get(key)
        known = row.sessions.get(name) if row is not None else None
        event_id = EventId(f"e{self._count}")
        connection = known.life.connection if known is not None else ConnectionId("none")
        match deed:
            case "open":
                rooms = (room,) if self._count % 2 else ()
                opener = ConnectionId(f"c{self._count}")
                return SessionOpened(
                    event_id, name, opener, NODE, NodeEpoch(self._epoch), DeviceId("phone"), rooms, {"n": self._count}
                )
            case "hide" | "dnd":
                status = Status.INVISIBLE if deed == "hide" else Status.DND
                return OverrideSet(event_id, Layer.USER, status, Millis(self._now + 60_000), f"note {self._count}")
            case "clear":
                return OverrideCleared(event_id, Layer.USER)
            case "forget":
                return RetentionOver(event_id, row.offset) if row is not None else None
            case "close":
                return SessionClosed(event_id, name, connection, CloseReason.GOODBYE)
            case "lose":
                return ConnectionLost(event_id, name, connection, LostReason.SOCKET, Millis(15_000))
            case "grace":
                life = known.life if known is not None else None
                return GraceOver(event_id, name, life.offset) if isinstance(life, Lost) else None
            case "idle" | "busy":
                return ActivityChanged(event_id, name, connection, Activity(deed))
            case "join":
                return RoomJoined(event_id, name, connection, room)
            case "leave":
                return RoomLeft(event_id, name, connection, room)
            case _:
                return MetaChanged(event_id, name, connection, {"n": self._count})
