"""The durable producer is bounded, keeps order, and replaces what broke."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar, NamedTuple

import pytest
from aiokafka.errors import MessageSizeTooLargeError, OutOfOrderSequenceNumber

from presence.adapters.kafka import producer as module
from presence.adapters.kafka.producer import DurableProducer
from presence.domain.errors import LogUnavailable, TooLarge


class Metadata(NamedTuple):
    offset: int


class FakeAiokafka:
    """What `DurableProducer` uses of aiokafka's producer; the test decides what becomes of each record."""

    all: ClassVar[list["FakeAiokafka"]] = []

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.sent: list[tuple[bytes, asyncio.Future[Metadata]]] = []
        self.client = self
        self.blocked: asyncio.Event | None = None
        self.abandoned = False
        FakeAiokafka.all.append(self)

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def close(self) -> None: ...

    async def flush(self) -> None:
        await asyncio.gather(*(future for _, future in self.sent if not future.done()), return_exceptions=True)

    async def partitions_for(self, topic: str) -> set[int]:
        return {0, 1}

    async def force_metadata_update(self) -> bool:
        return True

    async def send(
        self, topic: str, value: bytes, key: bytes, partition: int, at: int, headers: list[tuple[str, bytes]]
    ) -> "asyncio.Future[Metadata]":
        if len(value) > 100:
            raise MessageSizeTooLargeError("too large")
        if self.blocked is not None:
            blocked, self.blocked = self.blocked, None
            await blocked.wait()
        future: asyncio.Future[Metadata] = asyncio.get_running_loop().create_future()
        self.sent.append((value, future))
        return future


@pytest.fixture
async def producer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DurableProducer]:
    async def abandon(fake: FakeAiokafka) -> None:
        fake.abandoned = True
        for _, future in fake.sent:
            if not future.done():
                future.set_exception(OutOfOrderSequenceNumber())
                future.exception()

    FakeAiokafka.all = []
    monkeypatch.setattr(module, "AIOKafkaProducer", FakeAiokafka)
    monkeypatch.setattr(module, "_abandon", abandon)
    durable = DurableProducer("nowhere:1", ack_timeout_s=0.05)
    await durable.start("t")
    yield durable
    await durable.stop()


def send(producer: DurableProducer, value: bytes, partition: int = 0) -> "asyncio.Task[Any]":
    return asyncio.create_task(producer.send("t", partition, b"k", value))


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_it_returns_where_the_record_is(producer: DurableProducer) -> None:
    sending = send(producer, b"1", partition=1)
    await turns()
    FakeAiokafka.all[0].sent[0][1].set_result(Metadata(41))

    proof = await sending

    assert (proof.partition, proof.offset) == (1, 41)
    assert producer.is_available


async def test_it_is_idempotent_and_waits_for_every_replica(producer: DurableProducer) -> None:
    settings = FakeAiokafka.all[0].settings

    assert settings["acks"] == "all"
    assert settings["enable_idempotence"] is True


async def test_a_record_that_is_not_acknowledged_in_time_is_reported_and_still_counted(
    producer: DurableProducer,
) -> None:
    with pytest.raises(LogUnavailable, match=r"within 0\.05 s"):
        await producer.send("t", 0, b"k", b"1")
    unavailable = producer.is_available
    FakeAiokafka.all[0].sent[0][1].set_result(Metadata(0))
    later = send(producer, b"2")
    await turns()
    FakeAiokafka.all[0].sent[1][1].set_result(Metadata(1))
    await later

    assert not unavailable
    assert producer.is_available


async def test_records_of_a_partition_keep_their_order_when_one_has_to_wait(producer: DurableProducer) -> None:
    """Aiokafka lets a later record overtake one that waits for a full batch to be drained."""
    fake = FakeAiokafka.all[0]
    blocked = fake.blocked = asyncio.Event()

    first, second, other = send(producer, b"1"), send(producer, b"2"), send(producer, b"3", partition=1)
    await turns()
    blocked.set()
    await turns()

    assert [value for value, _ in fake.sent] == [b"3", b"1", b"2"]
    for _, future in fake.sent:
        future.set_result(Metadata(0))
    await asyncio.gather(first, second, other)


async def test_no_more_than_the_limit_wait(producer: DurableProducer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNACKED", 2)
    waiting = [send(producer, b"1"), send(producer, b"2")]
    await turns()

    with pytest.raises(LogUnavailable, match="no more are taken"):
        await producer.send("t", 0, b"k", b"3")

    for _, future in FakeAiokafka.all[0].sent:
        future.set_result(Metadata(0))
    await asyncio.gather(*waiting)
    again = send(producer, b"4")
    await turns()
    FakeAiokafka.all[0].sent[2][1].set_result(Metadata(0))
    await again


async def test_a_broken_producer_is_replaced_and_the_next_record_goes_through(producer: DurableProducer) -> None:
    """Its sequence has a hole after any failed batch: every later one would be refused for ever."""
    failing, pending = send(producer, b"1"), send(producer, b"2", partition=1)
    await turns()
    FakeAiokafka.all[0].sent[0][1].set_exception(OutOfOrderSequenceNumber())
    results = await asyncio.gather(failing, pending, return_exceptions=True)
    following = send(producer, b"3")
    await turns(10)
    FakeAiokafka.all[1].sent[0][1].set_result(Metadata(7))

    assert [type(result) for result in results] == [LogUnavailable, LogUnavailable]
    assert FakeAiokafka.all[0].abandoned
    assert (await following).offset == 7
    assert len(FakeAiokafka.all) == 2


async def test_a_record_larger_than_any_broker_takes_is_named(producer: DurableProducer) -> None:
    with pytest.raises(TooLarge):
        await producer.send("t", 0, b"k", b"x" * 101)

    assert len(FakeAiokafka.all) == 1


async def test_a_stopped_producer_refuses_at_once(producer: DurableProducer) -> None:
    await producer.stop()

    with pytest.raises(LogUnavailable, match="stopped"):
        await producer.send("t", 0, b"k", b"1")
    assert not producer.is_available


def test_keys_go_to_the_partition_that_java_clients_choose() -> None:
    """From Apache Kafka's own UtilsTest.testMurmur2, modulo 1,000 after toPositive."""
    durable = DurableProducer.__new__(DurableProducer)
    durable._partitions = {"t": 1_000}
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}

    assert {key: durable.partition_for("t", key) for key in known} == {
        key: (murmur & 0x7FFFFFFF) % 1_000 for key, murmur in known.items()
    }
