"""What must be true, computed from the log and from the promises alone, without asking any tier."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from websockets.asyncio.client import connect

from presence.domain.events import Event, Stamp
from presence.domain.ids import Millis, NodeId, UserKey
from presence.domain.partition import PartitionFold
from presence.domain.state import NodeFence, UserPresence
from presence.domain.views import Audience, view_user
from presence.wire.events import decode_event, decode_key
from presence.wire.topics import EVENTS
from tests.support.actors import Json, token_for

Logged = tuple[int, UserKey, Event, Stamp]


async def read_log(kafka: str) -> list[Logged]:
    """Every event of the log, per partition in order."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        await consumer._client._wait_on_metadata(EVENTS)
        parts = [TopicPartition(EVENTS, p) for p in consumer.partitions_for_topic(EVENTS) or ()]
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        await consumer.seek_to_beginning(*parts)
        logged: list[Logged] = []
        while not all([await consumer.position(tp) >= ends[tp] for tp in parts]):
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    event = decode_event(record.value, record.headers)
                    stamp = Stamp(record.offset, Millis(record.timestamp))
                    logged.append((tp.partition, decode_key(record.key, event), event, stamp))
        return logged
    finally:
        await consumer.stop()


def fold_log(logged: Iterable[Logged]) -> dict[UserKey, UserPresence]:
    """The rows that this log must give."""
    users: dict[UserKey, UserPresence] = {}
    folds: dict[int, PartitionFold] = {}
    for partition, key, event, stamp in logged:
        if partition not in folds:
            fences: dict[NodeId, NodeFence] = {}
            folds[partition] = PartitionFold(users, fences)
        folds[partition].apply(key, event, stamp)
    return users


def expected_view(rows: dict[UserKey, UserPresence], tenant: str, users: Iterable[str]) -> Json:
    """What a public watcher must be shown of these users."""
    seen = {user: view_user(rows.get(UserKey(f"{tenant}/{user}")), Audience.PUBLIC) for user in users}
    decoded: Json = json.loads(msgspec.json.encode(seen))
    return decoded


async def snapshot_of(edge: str, secret: str, users: list[str]) -> Json:
    """What an edge shows of these users right now."""
    async with connect(edge, subprotocols=["presence.v1"], compression=None) as socket:  # type: ignore[list-item]
        await socket.send(json.dumps({"t": "hello", "token": token_for("auditor", secret)}))
        await socket.send(json.dumps({"t": "watch", "users": users}))
        async with asyncio.timeout(10):
            while True:
                frame: Json = json.loads(await socket.recv())
                if frame["t"] == "snapshot":
                    break
            await socket.send(json.dumps({"t": "goodbye"}))
            # Read on: with diffs nobody takes, the library stops reading and its close waits for 10 s in vain.
            async for _ in socket:
                pass
            return dict(frame["users"])


async def history_counts(postgres: str) -> Counter[tuple[int, int]]:
    """How often each (partition, offset) is in the history."""
    connection = await asyncpg.connect(postgres)
    try:
        rows = await connection.fetch("select partition, log_offset from events")
        return Counter((row["partition"], row["log_offset"]) for row in rows)
    finally:
        await connection.close()


async def history_numbers(postgres: str) -> Counter[tuple[str, int]]:
    """How often each promised (user, number) is in the history: see `tests.support.actors`."""
    connection = await asyncpg.connect(postgres)
    try:
        rows = await connection.fetch(
            "select user_id, (payload->'meta'->>'n')::int as n from events where type = 'meta_changed'"
        )
        return Counter((row["user_id"], row["n"]) for row in rows)
    finally:
        await connection.close()


def differences(expected: dict[str, Any], actual: dict[str, Any]) -> dict[str, Any]:
    """Only what differs, for an assertion's message."""
    keys = expected.keys() | actual.keys()
    return {k: (expected.get(k), actual.get(k)) for k in sorted(keys) if expected.get(k) != actual.get(k)}
