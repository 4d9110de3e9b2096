"""Topics of one test on a real Kafka: write the log, read it back, fold it, compare with the changelog."""

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from presence.adapters.kafka.log import KafkaEventLog
from presence.adapters.kafka.producer import DurableProducer
from presence.adapters.kafka.tail import positions, tail
from presence.adapters.kafka.topics import ensure_topics
from presence.domain.digest import digest
from presence.domain.errors import LogUnavailable, SetupError, UndecodableRecord
from presence.domain.events import Stamp
from presence.domain.ids import CONTROL_MARK, NodeId, UserKey
from presence.domain.partition import PartitionFold
from presence.domain.state import NodeFence, UserPresence
from presence.ports import LogRecord
from presence.wire.events import decode_event, decode_key
from presence.wire.rows import canonical_row, decode_row, fence_key
from presence.wire.topics import TopicNames
from streams.config import StreamsConfig

_counter = itertools.count()


class Installation:
    """One prefix of topics."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self.bootstrap = bootstrap
        self.partitions = partitions
        self.prefix = f"t{os.getpid()}-{time.time_ns() % 10**9}-{next(_counter)}-"
        self.names = TopicNames.with_prefix(self.prefix)
        self.config = StreamsConfig(bootstrap, partitions=partitions, names=self.names)

    async def recreate(self, topic: str) -> None:
        """Delete a topic and create it anew."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        await admin.delete_topics([topic])
        await admin.close()
        created = False
        while not created:
            # Refused while the deletion is under way.
            with contextlib.suppress(SetupError):
                await ensure_topics(self.bootstrap, self.partitions, names=self.names)
                created = True

    async def append_raw(self, records: Iterable[LogRecord]) -> None:
        """Append records as they are, poison too."""
        async with raw_producer(self.bootstrap, self.names.events) as producer:
            for chunk in _chunks(records, 2_000):
                await asyncio.gather(
                    *(producer.send(self.names.events, r.partition, r.key, r.value, r.headers, r.at) for r in chunk)
                )

    @asynccontextmanager
    async def log(self) -> AsyncIterator[KafkaEventLog]:
        """An event log on these topics."""
        async with KafkaEventLog(self.bootstrap, names=self.names) as log:
            yield log

    async def records(self, topic: str) -> list[LogRecord]:
        """Everything that is in a topic now, in the order of each partition."""
        found: list[LogRecord] = []
        async with tail(self.bootstrap, topic, 10.0) as consumer:
            ends = await consumer.end_offsets(list(consumer.assignment()))
            while True:
                at = await positions(consumer)
                if all(at[tp.partition] >= end for tp, end in ends.items()):
                    return found
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    found += [
                        LogRecord(r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in batch
                    ]

    async def ends(self, topic: str) -> Mapping[int, int]:
        """The end offset of each partition of a topic."""
        async with tail(self.bootstrap, topic, 10.0) as consumer:
            ends = await consumer.end_offsets(list(consumer.assignment()))
        return {tp.partition: end for tp, end in ends.items()}

    async def committed(self, group: str) -> Mapping[int, int]:
        """What a consumer group has committed of the events."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            topics = [TopicPartition(self.names.events, p) for p in range(self.partitions)]
            offsets = await admin.list_consumer_group_offsets(group, partitions=topics)
        finally:
            await admin.close()
        return {tp.partition: max(0, offset.offset) for tp, offset in offsets.items()}

    async def expected(self) -> tuple[dict[str, bytes], dict[tuple[str, int], bytes]]:
        """Fold the log read back, independently of Faust: the rows by key, and every version of a row by its offset."""
        versions: dict[tuple[str, int], bytes] = {}
        users: list[dict[UserKey, UserPresence]] = [{} for _ in range(self.partitions)]
        fences: list[dict[NodeId, NodeFence]] = [{} for _ in range(self.partitions)]
        folds = [PartitionFold(u, f) for u, f in zip(users, fences, strict=True)]
        for record in await self.records(self.names.events):
            try:
                event = decode_event(record.value, record.headers)
                key = decode_key(record.key, event)
            except UndecodableRecord:
                continue
            for change in folds[record.partition].apply(key, event, Stamp(record.offset, record.at)):
                if change.after is not None:
                    versions[change.key, change.after.offset] = canonical_row(change.after)
        rows: dict[str, bytes] = {}
        for number in range(self.partitions):
            rows |= {key: canonical_row(row) for key, row in users[number].items()}
            rows |= {fence_key(number, node): canonical_row(fence) for node, fence in fences[number].items()}
        return rows, versions

    async def check_every_row(self) -> None:
        """Check that no version of a user's row was ever published that the log does not justify."""
        _, versions = await self.expected()
        for record in await self.records(self.names.users_changelog):
            key = (record.key or b"").decode()
            if record.value is None or key.startswith(CONTROL_MARK):
                continue
            row = decode_row(key, record.value)
            assert versions.get((key, row.offset)) == canonical_row(row), (key, record.offset)

    async def changelog(self) -> dict[str, bytes]:
        """The last word of the changelog about each key."""
        rows: dict[str, bytes] = {}
        for record in await self.records(self.names.users_changelog):
            key = (record.key or b"").decode()
            if record.value is None:
                rows.pop(key, None)
            else:
                rows[key] = canonical_row(decode_row(key, record.value))
        return rows

    async def until(self, holds: Callable[[dict[str, bytes]], object], within_s: float = 20.0) -> None:
        """Wait until the rows of the changelog are as wanted. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not holds(await self.changelog()):  # noqa: ASYNC110 - a topic has no event
                await asyncio.sleep(0.1)

    async def settled(self, within_s: float = 30.0) -> dict[str, bytes]:
        """Wait until everything is folded and committed and nothing more comes; return the changelog's rows.

        Raises:
            AssertionError: with what differs, when the changelog and the independent fold do not agree in time.
        """
        problem = "nothing was looked at"
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                ends = await self.ends(self.names.events)
                committed = await self.committed(self.config.app_id)
                if ends != committed:
                    problem = f"committed {committed} of {ends}"
                else:
                    expected, _ = await self.expected()
                    actual = await self.changelog()
                    if ends == await self.ends(self.names.events):
                        if digest(expected.items()) == digest(actual.items()):
                            return actual
                        problem = _differences(expected, actual)
            except (KafkaError, LogUnavailable, OSError) as exc:
                problem = repr(exc)
            await asyncio.sleep(0.2)
        raise AssertionError(problem)


@asynccontextmanager
async def installation(bootstrap: str, partitions: int = 4) -> AsyncIterator[Installation]:
    """Fresh topics."""
    fresh = Installation(bootstrap, partitions)
    await ensure_topics(bootstrap, partitions, names=fresh.names)
    yield fresh


@asynccontextmanager
async def raw_producer(bootstrap: str, topic: str) -> AsyncIterator[DurableProducer]:
    """A producer of whatever bytes."""
    producer = DurableProducer(bootstrap, ack_timeout_s=30.0)
    await producer.start(topic)
    try:
        yield producer
    finally:
        await producer.stop()


async def eventually(holds: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait for a condition. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - conditions of other processes have no event
            await asyncio.sleep(0.02)


def _chunks(records: Iterable[LogRecord], size: int) -> Iterable[Sequence[LogRecord]]:
    rest = iter(records)
    while chunk := list(itertools.islice(rest, size)):
        yield chunk


def _differences(expected: Mapping[str, bytes], actual: Mapping[str, bytes]) -> str:
    missing = sorted(expected.keys() - actual.keys())
    extra = sorted(actual.keys() - expected.keys())
    differing = [
        (key, expected[key], actual[key]) for key in expected.keys() & actual.keys() if expected[key] != actual[key]
    ]
    return (
        f"{len(missing)} missing {missing[:3]}, {len(extra)} extra {extra[:3]}, {len(differing)} differ {differing[:2]}"
    )
