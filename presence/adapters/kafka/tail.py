"""A consumer without a group that reads whole topics from their beginning and stays on them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from presence.adapters.kafka.connection import REQUEST_TIMEOUT_MS
from presence.domain.errors import LogUnavailable

FETCH_WAIT_MS = 500
"""How long the broker holds a fetch when nothing is there; it answers at once when something is. Half: twice the idle
requests; double: a lost connection is noticed later."""

PARTITION_FETCH_BYTES = 1024 * 1024
"""Per partition and fetch: 12 partitions of it are held at most, while a row is about 0.5 KiB."""


@asynccontextmanager
async def tail(bootstrap: str, topic: str, timeout_s: float) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a consumer of every partition of ``topic``, set to its beginning.

    An offset that is out of range raises instead of jumping: records were lost or the topic is another one.

    Raises:
        LogUnavailable: Kafka does not answer within ``timeout_s``, or the topic does not exist.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id="presence",
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_min_bytes=1,
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        retry_backoff_ms=100,
        check_crcs=False,  # TCP and the broker check already; it costs a third of the reading
    )
    try:
        try:
            async with asyncio.timeout(timeout_s):
                await consumer.start()
                partitions = await partitions_of(consumer, topic)
                consumer.assign(partitions)
                await consumer.seek_to_beginning(*partitions)
        except (KafkaError, OSError, TimeoutError) as exc:
            raise LogUnavailable(f"topic {topic} cannot be read: {exc!r}") from exc
        yield consumer
    finally:
        await consumer.stop()


async def partitions_of(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """All partitions of a topic, in order. Raises aiokafka's ``KafkaError`` when there is no such topic."""
    # Private: the public partitions_for_topic() does not ask the broker about a topic that is not subscribed.
    numbers = await consumer._client._wait_on_metadata(topic)
    return [TopicPartition(topic, number) for number in sorted(numbers)]


async def positions(consumer: AIOKafkaConsumer) -> Mapping[int, int]:
    """Per partition the offset of the next record; it moves over holes and control records too."""
    return {tp.partition: await consumer.position(tp) for tp in consumer.assignment()}
