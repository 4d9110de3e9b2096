"""The feed of ``presence-nodes`` on Kafka."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from presence.adapters.kafka.tail import positions, tail
from presence.domain.errors import LogUnavailable, UndecodableRecord
from presence.domain.ids import Millis
from presence.domain.leases import NodeRecord
from presence.wire.nodes import decode_node_record
from presence.wire.topics import NODES

_POLL_MS = 250
_log = structlog.get_logger()


class KafkaNodeFeed:
    """Reads ``presence-nodes`` from its beginning; see the port `NodeFeed`. Reconnects by itself."""

    def __init__(self, bootstrap: str, *, topic: str = NODES, timeout_s: float = 10.0) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._timeout_s = timeout_s

    async def read_all(self) -> Sequence[tuple[Millis, NodeRecord]]:
        """Everything that is there now. Raises `LogUnavailable`; see the port."""
        found: list[tuple[Millis, NodeRecord]] = []
        async with tail(self._bootstrap, self._topic, self._timeout_s) as consumer:
            try:
                async with asyncio.timeout(self._timeout_s):
                    ends = await consumer.end_offsets(list(consumer.assignment()))
                    while not await _has_reached(consumer, ends):
                        for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                            found += _decode(records)
            except (KafkaError, TimeoutError) as exc:
                raise LogUnavailable(f"topic {self._topic} cannot be read: {exc!r}") from exc
        return found

    async def follow(self) -> AsyncIterator[tuple[Millis, NodeRecord]]:
        """Yield what is there, then what comes. Raises `LogUnavailable` when records were lost; see the port."""
        async with tail(self._bootstrap, self._topic, self._timeout_s) as consumer:
            while True:
                try:
                    batches = await consumer.getmany(timeout_ms=_POLL_MS)
                except KafkaError as exc:
                    raise LogUnavailable(f"topic {self._topic} cannot be read on: {exc!r}") from exc
                for records in batches.values():
                    for item in _decode(records):
                        yield item


async def _has_reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    at = await positions(consumer)
    return all(at[tp.partition] >= end for tp, end in ends.items())


def _decode(records: Iterable[Any]) -> list[tuple[Millis, NodeRecord]]:
    found = []
    for record in records:
        if record.value is None:
            continue
        try:
            found.append((Millis(record.timestamp), decode_node_record(record.value)))
        except UndecodableRecord as exc:
            _log.warning("node record skipped", offset=record.offset, reason=exc.reason, detail=exc.detail)
    return found
