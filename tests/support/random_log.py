"""Logs by seed: what a busy, unlucky system might append, poison and clocks that run backwards included."""

import random

from presence.domain.deadlines import expiries
from presence.domain.events import (
    ActivityChanged,
    ConnectionLost,
    Event,
    MetaChanged,
    NodeLost,
    OverrideCleared,
    OverrideSet,
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
    UserKey,
)
from presence.domain.partition import PartitionFold
from presence.domain.state import Live, UserPresence
from presence.domain.status import Activity, CloseReason, Layer, LostReason, Status
from presence.ports import LogRecord
from presence.wire.events import HEADERS, control_key, encode_event

START = 1_760_000_000_000
_RETENTION = Millis(600_000)
_GRACE = Millis(15_000)
_POISON = (b"{", b"", b'{"type":"unheard_of"}', b'{"type":"session_closed","id":1}', b"\xff\xfe")


class RandomLog:
    """Appends to its partitions whatever chance says, mostly sensible."""

    def __init__(self, seed: int, users: int = 6, partitions: int = 2, poison: float = 0.02) -> None:
        self._random = random.Random(seed)
        self._poison = poison
        self._now = START
        self._users = users
        self._epochs = {NodeId(f"node-{n}"): NodeEpoch(1) for n in range(3)}
        self._rows: dict[UserKey, UserPresence] = {}
        self._folds = [PartitionFold(self._rows, {}) for _ in range(partitions)]
        self._offsets = [0] * partitions
        self._count = 0
        self.records: list[LogRecord] = []

    def grow(self, length: int) -> list[LogRecord]:
        """Append about ``length`` records; return them all."""
        while len(self.records) < length:
            self._now += self._random.choice((0, 1, 50, 1_000, 20_000))
            if self._random.random() < self._poison:
                self._append_raw(
                    self._random.randrange(len(self._offsets)), b"acme/x", self._random.choice(_POISON), Millis(START)
                )
            elif self._random.random() < 0.02:
                self._lose_node()
            else:
                self._act()
        return self.records

    def _act(self) -> None:
        number = self._random.randrange(self._users)
        key = UserKey(f"acme/user-{number}")
        partition = number % len(self._offsets)
        row = self._rows.get(key)
        due = expiries(row, Millis(self._now), _RETENTION) if row is not None else []
        if due and self._random.random() < 0.7:
            for event in due:
                self._append(partition, key, event)
        else:
            self._append(partition, key, self._event(row))

    def _event(self, row: UserPresence | None) -> Event:
        chance = self._random
        self._count += 1
        event_id = EventId(f"e{self._count}")
        session = SessionId(f"s{chance.randrange(3)}")
        known = row.sessions.get(session) if row is not None else None
        if known is None or not isinstance(known.life, Live) or chance.random() < 0.1:
            if chance.random() < 0.1:
                until = Millis(self._now + 60_000)
                return OverrideSet(event_id, chance.choice(list(Layer)), chance.choice(list(Status)), until)
            return self._opening(event_id, session)
        connection = known.life.connection if chance.random() < 0.9 else ConnectionId("stale")
        room = RoomId(f"r{chance.randrange(3)}")
        return chance.choice(
            (
                SessionClosed(event_id, session, connection, chance.choice(list(CloseReason))),
                ConnectionLost(event_id, session, connection, chance.choice(list(LostReason)), _GRACE),
                ActivityChanged(event_id, session, connection, chance.choice(list(Activity))),
                RoomJoined(event_id, session, connection, room),
                RoomLeft(event_id, session, connection, room),
                MetaChanged(event_id, session, connection, {"n": self._count, "text": 'a"b\\c{},é'}),
                OverrideCleared(event_id, chance.choice(list(Layer))),
            )
        )

    def _opening(self, event_id: EventId, session: SessionId) -> SessionOpened:
        node = self._random.choice(sorted(self._epochs))
        return SessionOpened(
            event_id,
            session,
            ConnectionId(f"c{self._count}"),
            node,
            self._epochs[node],
            DeviceId(f"device-{session}"),
            rooms=(RoomId('r "odd\\ {1,2}'),) if self._random.random() < 0.2 else (),
        )

    def _lose_node(self) -> None:
        node = self._random.choice(sorted(self._epochs))
        self._count += 1
        event = NodeLost(EventId(f"e{self._count}"), node, self._epochs[node], _GRACE)
        for partition in range(len(self._offsets)):
            self._append(partition, control_key(node), event)
        if self._random.random() < 0.8:  # else it stays fenced for a while
            self._epochs[node] = NodeEpoch(self._epochs[node] + 1)

    def _append(self, partition: int, key: UserKey, event: Event) -> None:
        # One in ten clocks is behind.
        at = Millis(self._now - self._random.choice((0,) * 9 + (30_000,)))
        self._folds[partition].apply(key, event, Stamp(self._offsets[partition], at))
        self._append_raw(partition, key.encode(), encode_event(event), at)

    def _append_raw(self, partition: int, key: bytes, value: bytes, at: Millis) -> None:
        self.records.append(LogRecord(partition, self._offsets[partition], at, key, value, HEADERS))
        # Kafka's offsets have holes.
        self._offsets[partition] += self._random.choice((1, 1, 1, 2))
