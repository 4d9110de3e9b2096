"""The event log on Kafka."""

import asyncio
from collections.abc import Sequence
from typing import Self

from presence.adapters.kafka.producer import DurableProducer
from presence.domain.events import Event, NodeLost
from presence.domain.ids import Millis, UserKey
from presence.domain.leases import NodeRecord
from presence.ports import Appended
from presence.wire.events import HEADERS, encode_event
from presence.wire.nodes import encode_node_record, node_record_key
from presence.wire.topics import TopicNames


class KafkaEventLog:
    """Appends to ``presence-events`` and ``presence-nodes``; see the port `EventLog`.

    Survives restarts of the broker by itself. An append that was not acknowledged in time raises `LogUnavailable` and
    may still arrive later, in its order. With more than `MAX_UNACKED` waiting, further ones are refused at once.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        names: TopicNames | None = None,
        ack_timeout_s: float = 5.0,
        linger_ms: int = 0,
    ) -> None:
        self._names = names or TopicNames()
        self._producer = DurableProducer(bootstrap, ack_timeout_s=ack_timeout_s, linger_ms=linger_ms)

    @property
    def is_available(self) -> bool:
        """Whether Kafka answers and no append is overdue: for readiness."""
        return self._producer.is_available

    @property
    def partitions(self) -> int:
        """How many partitions ``presence-events`` has."""
        return self._producer.partitions_of(self._names.events)

    async def start(self) -> None:
        """Connect. Raises `SetupError` when Kafka cannot be reached or the topics are not there."""
        await self._producer.start(self._names.events, self._names.nodes)

    async def stop(self) -> None:
        """Send what is pending, for a limited time, and disconnect."""
        await self._producer.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def partition_for(self, key: UserKey) -> int:
        """The partition in which a user's events are."""
        return self._producer.partition_for(self._names.events, key.encode())

    async def append(self, key: UserKey, event: Event, at: Millis) -> Appended:
        """Append one event; see the port."""
        return await self.append_to_partition(self.partition_for(key), key, event, at)

    async def append_to_partition(self, partition: int, key: UserKey, event: Event, at: Millis) -> Appended:
        """Append to a partition by number; see the port."""
        return await self._producer.send(self._names.events, partition, key.encode(), encode_event(event), HEADERS, at)

    async def append_everywhere(self, key: UserKey, event: NodeLost, at: Millis) -> Sequence[Appended]:
        """Append a control record to every partition; see the port."""
        sends = [self.append_to_partition(partition, key, event, at) for partition in range(self.partitions)]
        # All are tried to their end: a first failure must not cancel the others half way.
        results = await asyncio.gather(*sends, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, Appended)]

    async def append_node_record(self, record: NodeRecord) -> Appended:
        """Append to ``presence-nodes``; its timestamp is the broker's. See the port."""
        key = node_record_key(record).encode()
        return await self._producer.send(self._names.nodes, 0, key, encode_node_record(record), HEADERS)
