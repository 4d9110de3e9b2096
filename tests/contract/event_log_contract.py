"""What every `EventLog` must do; each adapter subclasses `EventLogContract` and says how to make and read one."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from presence.domain.events import ActivityChanged, MetaChanged, NodeLost, SessionOpened
from presence.domain.ids import (
    ConnectionId,
    DeviceId,
    EventId,
    Millis,
    NodeEpoch,
    NodeId,
    SessionId,
    UserKey,
)
from presence.domain.leases import Heartbeat, LeaseLost, NodeRecord, Tick
from presence.domain.status import Activity
from presence.ports import EventLog, LogRecord
from presence.wire.events import HEADERS, control_key, decode_event, decode_key

ALICE = UserKey("acme/alice")
AT = Millis(1_700_000_000_123)
OPENED = SessionOpened(
    EventId("e-1"), SessionId("s-1"), ConnectionId("c-1"), NodeId("edge-1"), NodeEpoch(7), DeviceId("phone")
)
LOST = NodeLost(EventId("e-9"), NodeId("edge-1"), NodeEpoch(7), Millis(15_000))


def activity(number: int) -> ActivityChanged:
    """One of many events that can be told apart."""
    return ActivityChanged(EventId(f"e-{number}"), SessionId("s-1"), ConnectionId("c-1"), Activity.IDLE)


class EventLogContract(ABC):
    """The contract. Subclasses give two fixtures: ``log`` (a fresh, empty one) and, by `records`, a way to read it."""

    partitions: int
    """How many partitions the log of ``log`` has; at least 2."""

    @abstractmethod
    async def records(self, log: EventLog, partition: int) -> Sequence[LogRecord]:
        """Everything that is in a partition of ``presence-events`` now, in order."""

    @abstractmethod
    async def node_records(self, log: EventLog) -> Sequence[NodeRecord]:
        """Everything that is in ``presence-nodes`` now, in order."""

    async def test_an_appended_event_is_where_its_proof_says(self, log: EventLog) -> None:
        proof = await log.append(ALICE, OPENED, AT)

        record = (await self.records(log, proof.partition))[proof.offset]
        assert (record.partition, record.offset) == (proof.partition, proof.offset)
        assert decode_event(record.value, record.headers) == OPENED

    async def test_a_record_has_the_key_the_time_and_the_headers_it_was_given(self, log: EventLog) -> None:
        proof = await log.append(ALICE, OPENED, AT)

        record = (await self.records(log, proof.partition))[proof.offset]
        assert decode_key(record.key, OPENED) == ALICE
        assert record.at == AT
        assert tuple(record.headers) == HEADERS

    async def test_what_one_user_does_stays_in_order_in_one_partition(self, log: EventLog) -> None:
        proofs = [await log.append(ALICE, activity(n), AT) for n in range(20)]

        assert len({proof.partition for proof in proofs}) == 1
        assert [proof.offset for proof in proofs] == sorted({proof.offset for proof in proofs})
        kept = await self.records(log, proofs[0].partition)
        assert [decode_event(r.value, r.headers) for r in kept] == [activity(n) for n in range(20)]

    async def test_many_users_spread_over_the_partitions(self, log: EventLog) -> None:
        proofs = [await log.append(UserKey(f"acme/user-{n}"), activity(n), AT) for n in range(40)]

        assert {proof.partition for proof in proofs} == set(range(self.partitions))

    async def test_a_partition_can_be_named(self, log: EventLog) -> None:
        proofs = [await log.append_to_partition(p, ALICE, OPENED, AT) for p in range(self.partitions)]

        assert [proof.partition for proof in proofs] == list(range(self.partitions))
        for partition in range(self.partitions):
            assert [decode_key(r.key, OPENED) for r in await self.records(log, partition)] == [ALICE]

    async def test_a_control_record_goes_to_every_partition(self, log: EventLog) -> None:
        key = control_key("edge-1")

        proofs = await log.append_everywhere(key, LOST, AT)

        assert sorted(proof.partition for proof in proofs) == list(range(self.partitions))
        for proof in proofs:
            record = (await self.records(log, proof.partition))[proof.offset]
            assert decode_event(record.value, record.headers) == LOST
            assert decode_key(record.key, LOST) == key

    async def test_text_of_any_script_and_nested_meta_come_back_as_they_were(self, log: EventLog) -> None:
        event = MetaChanged(
            EventId("e-2"), SessionId("s-Ж"), ConnectionId("c"), {"名": "🦉", "n": [1, 2.5, None, {"x": True}]}
        )

        proof = await log.append(UserKey("acme/Жанна/日本"), event, AT)

        record = (await self.records(log, proof.partition))[proof.offset]
        assert decode_event(record.value, record.headers) == event
        assert decode_key(record.key, event) == "acme/Жанна/日本"

    async def test_node_records_are_kept_in_order(self, log: EventLog) -> None:
        written: list[NodeRecord] = [
            Heartbeat(NodeId("edge-1"), NodeEpoch(1)),
            Tick("worker-1"),
            LeaseLost(NodeId("edge-1"), NodeEpoch(1)),
        ]

        proofs = [await log.append_node_record(record) for record in written]

        assert await self.node_records(log) == written
        assert [proof.offset for proof in proofs] == sorted({proof.offset for proof in proofs})
