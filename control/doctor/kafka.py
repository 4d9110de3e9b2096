"""Kafka: whether it answers, which topics there are, how far the consumer groups are behind."""

import asyncio
from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import AIOKafkaConsumer
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
)
from aiokafka.structs import TopicPartition

from control.bootstrap.parts import reach_kafka
from control.doctor.findings import Finding, fail, ok, warn
from presence.adapters.kafka.topics import TopicInfo, describe_topics
from presence.domain.errors import PresenceError
from presence.wire.topics import TopicNames, topic_specs

REACH_S = 3.0
ANSWER_S = 10.0
_RETRY_S = 0.25

LAG_WARN = 10_000
"""A third of a second of a worker at full speed; a healthy group is at a few records."""


async def examine(address: str, names: TopicNames, groups: Mapping[str, str]) -> list[Finding]:
    """Look at a cluster; ``groups`` is tier -> consumer group."""
    try:
        await reach_kafka(address, REACH_S)
    except PresenceError as exc:
        return [fail("kafka", f"{address}: {str(exc).splitlines()[0]}", "Start it, or correct PRESENCE_KAFKA.")]
    client = AIOKafkaClient(bootstrap_servers=address)
    try:
        async with asyncio.timeout(ANSWER_S):
            await client.bootstrap()
            topics = await describe_topics(client, [spec.name for spec in topic_specs(names=names)])
            brokers = len(client.cluster.brokers())
            found = [ok("kafka", f"{address}, {brokers} broker{'s' if brokers != 1 else ''}")]
            found += _topics(topics, names)
            if names.events in topics:
                found += await _lags(address, names.events, topics[names.events].partitions, groups)
            return found
    except (KafkaError, OSError, TimeoutError, PresenceError) as exc:
        return [fail("kafka", f"{address} answers badly: {exc!r}", "Look into the broker's log.")]
    finally:
        await client.close()


def _topics(topics: Mapping[str, TopicInfo], names: TopicNames) -> list[Finding]:
    missing = [spec.name for spec in topic_specs(names=names) if spec.name not in topics]
    if missing:
        return [fail("topics", f"missing: {', '.join(missing)}", "Run `presence topics`.")]
    leaderless = [name for name, info in topics.items() if not info.has_leaders]
    if leaderless:
        return [fail("topics", f"without a leader: {', '.join(leaderless)}", "Bring the missing brokers back.")]
    return [ok("topics", ", ".join(f"{name} ({info.partitions})" for name, info in sorted(topics.items())))]


async def _lags(address: str, topic: str, partitions: int, groups: Mapping[str, str]) -> list[Finding]:
    everything = [TopicPartition(topic, partition) for partition in range(partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=address, group_id=None)
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    try:
        await consumer.start()
        await admin.start()
        ends = await consumer.end_offsets(everything)
        return [_lag(tier, group, await _committed(admin, group), ends) for tier, group in groups.items()]
    finally:
        await consumer.stop()
        await admin.close()


async def _committed(admin: AIOKafkaAdminClient, group: str) -> Mapping[TopicPartition, object]:
    """The group's offsets. A cluster that never had a group makes the topic for them only now."""
    while True:
        try:
            committed: Mapping[TopicPartition, object] = await admin.list_consumer_group_offsets(group)
        except (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError):
            await asyncio.sleep(_RETRY_S)
        else:
            return committed


def _lag(
    tier: str, group: str, committed: Mapping[TopicPartition, object], ends: Mapping[TopicPartition, int]
) -> Finding:
    known = {tp: getattr(meta, "offset", -1) for tp, meta in committed.items() if tp in ends}
    if not known and any(ends.values()):
        return warn(f"lag of {tier}", f"group {group} has committed nothing", f"Start `presence run {tier}`.")
    lag = sum(end - max(0, known.get(tp, 0)) for tp, end in ends.items())
    text = f"{lag} records in {len(ends)} partitions (group {group}, {sum(ends.values())} in all)"
    if lag > LAG_WARN:
        return warn(f"lag of {tier}", text, f"Look at {tier}'s log and metrics; more workers take partitions over.")
    return ok(f"lag of {tier}", text)
