"""A real app and table without a broker: their producer is a fake that a test acknowledges or fails."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from faust.types.tuples import TP, ConsumerMessage

from streams.app import add_agent, create_tables_app
from streams.batching.app import BatchingApp
from streams.batching.table import BatchTable
from streams.config import StreamsConfig

CONFIG = StreamsConfig("127.0.0.1:1", partitions=4)


class Meta(NamedTuple):
    """What aiokafka says of a batch that arrived: its first offset."""

    offset: int


class Record(NamedTuple):
    """A fetched record."""

    offset: int
    key: bytes
    value: bytes | None
    timestamp: int = 1_760_000_000_000
    timestamp_type: int = 0
    serialized_value_size: int = 1


@dataclass
class Sent:
    """One batch on its way."""

    topic: str
    partition: int
    rows: list[tuple[str, bytes | None]]
    future: "asyncio.Future[Meta]"


@dataclass
class FakeProducer:
    """Notes batches; ``auto`` acknowledges them at once."""

    sent: list[Sent] = field(default_factory=list)
    auto: bool = True
    offset: int = 0

    async def send_rows(
        self,
        topic: str,
        partition: int,
        rows: Sequence[tuple[str, bytes | None]],
        on_sent: Callable[[list[str], "asyncio.Future[Any]"], None],
    ) -> None:
        """Take a batch."""
        future = asyncio.get_running_loop().create_future()
        self.sent.append(Sent(topic, partition, list(rows), future))
        on_sent([key for key, _ in rows], future)
        if self.auto:
            future.set_result(Meta(self.offset))
            self.offset += len(rows)


@dataclass
class World:
    """App, table and what they told."""

    app: BatchingApp
    table: BatchTable
    producer: FakeProducer
    fatal: list[tuple[str, Exception]]

    @property
    def changelog(self) -> str:
        """The changelog's name."""
        return str(self.table.changelog_topic_name)

    async def assign(self, *partitions: int, newly: Sequence[int] | None = None) -> None:
        """Assign changelog partitions, as a rebalance does."""
        tps = {TP(self.changelog, number) for number in partitions}
        new = tps if newly is None else {TP(self.changelog, number) for number in newly}
        await self.table.on_rebalance(tps, set(), new)

    def read(self, partition: int, *records: Record, generation: int | None = None) -> None:
        """Let recovery read a batch of the changelog."""
        tp = TP(self.changelog, partition)
        message = ConsumerMessage(
            self.changelog,
            partition,
            records[-1].offset,
            0.0,
            0,
            None,
            None,
            list(records),
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id if generation is None else generation,
        )
        self.table.apply_changelog_batch([self.app.create_event(None, list(records), None, message)])


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A fresh app, its table, and an agent on the events."""
    fatal: list[tuple[str, Exception]] = []
    app, table = create_tables_app(CONFIG, lambda part, error: fatal.append((part, error)))

    async def run(stream: Any) -> None:
        async for _ in stream:
            pass

    add_agent(app, CONFIG, "tables", run)
    app.finalize()
    producer = FakeProducer()
    app._producer = producer
    yield World(app, table, producer, fatal)
    if app._consumer is not None:
        # Made for a thread that never ran.
        app._consumer._thread.thread_loop.close()
