"""The real servers: they answer, keep their data, and live through kills and freezes."""

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from control.devstack.config import Addresses, DevStackConfig
from control.devstack.reach import ask_postgres, ask_valkey
from control.devstack.server import EmbeddedServer
from control.devstack.stack import DevStack

pytestmark = [pytest.mark.devstack, pytest.mark.slow]


@pytest.fixture
def config(tmp_path: Path) -> DevStackConfig:
    # Nothing in the background: these tests are about the servers themselves.
    return DevStackConfig(tmp_path / "data", faster_next_time=False)


@pytest.fixture
async def stack(config: DevStackConfig) -> AsyncIterator[DevStack]:
    async with DevStack(config) as stack:
        yield stack


async def remember(addresses: Addresses, word: bytes) -> None:
    """Write a word into each of the three."""
    admin = AIOKafkaAdminClient(bootstrap_servers=addresses.kafka)
    await admin.start()
    await admin.create_topics([NewTopic("words", num_partitions=1, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=addresses.kafka, acks="all")
    await producer.start()
    await producer.send_and_wait("words", word)
    await producer.stop()
    connection = await asyncpg.connect(addresses.postgres)
    await connection.execute("CREATE TABLE words (word bytea)")
    await connection.execute("INSERT INTO words VALUES ($1)", word)
    await connection.close()
    client = redis.asyncio.Redis.from_url(addresses.valkey)
    await client.set("word", word)
    await client.aclose()


async def recall(addresses: Addresses) -> list[bytes | None]:
    """Read the word from each of the three."""
    consumer = AIOKafkaConsumer(bootstrap_servers=addresses.kafka, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition("words", 0)])
    record = await consumer.getone()
    await consumer.stop()
    connection = await asyncpg.connect(addresses.postgres)
    word = await connection.fetchval("SELECT word FROM words")
    await connection.close()
    client = redis.asyncio.Redis.from_url(addresses.valkey)
    cached = await client.get("word")
    await client.aclose()
    return [record.value, word, cached]


async def test_data_and_addresses_survive_a_restart(config: DevStackConfig) -> None:
    async with DevStack(config) as stack:
        first = stack.addresses
        await remember(first, b"kept")

    async with DevStack(config) as stack:
        assert stack.addresses == first
        assert await recall(stack.addresses) == [b"kept"] * 3


async def test_data_survives_the_kill_of_each_server(stack: DevStack) -> None:
    await remember(stack.addresses, b"kept")
    before = {server.name: server.pid for server in stack.servers}

    for server in stack.servers:
        await server.kill()
        await server.start()

    assert await recall(stack.addresses) == [b"kept"] * 3
    assert {server.name: server.pid for server in stack.servers}.items().isdisjoint(before.items())


async def test_each_server_stops_and_starts_again_at_its_address(stack: DevStack) -> None:
    await remember(stack.addresses, b"kept")

    for server in stack.servers:
        await server.stop()
        assert server.pid is None
        await server.start()

    assert await recall(stack.addresses) == [b"kept"] * 3


async def test_a_frozen_server_answers_nothing_until_it_goes_on(stack: DevStack) -> None:
    client = redis.asyncio.Redis.from_url(stack.addresses.valkey, socket_timeout=0.2)
    valkey = the(stack.valkey)

    valkey.suspend()
    with pytest.raises(redis.exceptions.TimeoutError):
        await client.get("word")
    valkey.resume()

    await ask_valkey(stack.addresses.valkey)
    await client.aclose()


async def test_a_frozen_postgres_serves_not_even_open_connections(stack: DevStack) -> None:
    connection = await asyncpg.connect(stack.addresses.postgres)
    postgres = the(stack.postgres)

    postgres.suspend()
    with pytest.raises(TimeoutError):
        await connection.fetchval("SELECT 1", timeout=0.2)
    postgres.resume()

    await ask_postgres(stack.addresses.postgres)
    await connection.close()


async def test_the_death_of_a_server_is_told(stack: DevStack) -> None:
    postgres = the(stack.postgres)
    pid = postgres.pid
    assert pid is not None

    os.kill(pid, signal.SIGKILL)
    died = await stack.watch()

    assert (died.name, died.pid) == ("postgres", pid)
    assert "ready to accept connections" in died.log_tail


async def test_a_named_server_is_used_beside_embedded_ones(stack: DevStack, tmp_path: Path) -> None:
    named = stack.addresses
    config = DevStackConfig(tmp_path / "other", kafka=named.kafka, postgres=named.postgres, faster_next_time=False)

    async with DevStack(config) as second:
        assert second.addresses == replace(named, valkey=second.addresses.valkey)
        assert [server.name for server in second.servers] == ["valkey"]


def the(server: EmbeddedServer | None) -> EmbeddedServer:
    assert server is not None
    return server
