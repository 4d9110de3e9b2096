"""Rows are packed into as few batches as they fit in, and a flush is a promise."""

import asyncio
from typing import Any

import pytest
from faust.exceptions import ProducerSendError

from streams.batching.app import BatchingOptions
from streams.batching.producer import BatchProducer
from tests.unit.streams.batching.conftest import World


class Batch:
    """Takes two records."""

    def __init__(self) -> None:
        self.rows: list[tuple[bytes, bytes | None]] = []

    def append(self, *, timestamp: int | None, key: bytes, value: bytes | None) -> object | None:
        if len(self.rows) == 2:
            return None
        self.rows.append((key, value))
        return object()


class Aiokafka:
    def __init__(self) -> None:
        self.batches: list[tuple[Batch, str, int]] = []

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        self.batches.append((batch, topic, partition))
        return asyncio.get_running_loop().create_future()


def real_producer(world: World) -> BatchProducer:
    producer = world.app.transport.create_producer()
    assert isinstance(producer, BatchProducer)
    return producer


async def test_rows_fill_batch_after_batch_in_order(world: World) -> None:
    producer, aiokafka, told = real_producer(world), Aiokafka(), []
    producer._producer = aiokafka

    await producer.send_rows("t", 3, [("a", b"1"), ("b", None), ("ж", b"3")], lambda keys, _: told.append(keys))

    assert [batch.rows for batch, _, _ in aiokafka.batches] == [
        [(b"a", b"1"), (b"b", None)],
        [("ж".encode(), b"3")],
    ]
    assert {(topic, partition) for _, topic, partition in aiokafka.batches} == {("t", 3)}
    assert told == [["a", "b"], ["ж"]]


async def test_a_flush_that_cannot_keep_its_promise_raises(world: World) -> None:
    producer = real_producer(world)
    producer._producer = Aiokafka()
    world.app.batching = BatchingOptions(flush_timeout_s=0.05)
    world.producer.auto = False
    await world.assign(0)
    state = world.table.partition(0)
    assert state is not None
    state.rows["acme/ann"] = world.table.codec.decode("acme/ann", b'{"offset":1,"status":"online","since":1}')

    with pytest.raises(ProducerSendError, match="presence-users-changelog"):
        await producer.flush()


async def test_a_flush_without_a_producer_does_nothing(world: World) -> None:
    await real_producer(world).flush()
