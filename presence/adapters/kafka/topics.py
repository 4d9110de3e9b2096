"""Topics: create what is missing, check what is there, and tell one incarnation of a topic from the next."""

import asyncio
import uuid
from collections.abc import Collection, Mapping, Sequence

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from msgspec import Struct

from presence.adapters.kafka.connection import CONNECT_TIMEOUT_S, REQUEST_TIMEOUT_MS, connect, unreachable
from presence.adapters.kafka.metadata import TopicIdsRequest
from presence.domain.errors import LogUnavailable, SetupError
from presence.wire.topics import TopicNames, TopicSpec, topic_specs

_POLL_S = 0.05
_log = structlog.get_logger()


class TopicInfo(Struct, frozen=True):
    """What the cluster says of a topic."""

    name: str
    topic_id: str
    partitions: int
    has_leaders: bool


async def describe_topics(client: AIOKafkaClient, topics: Collection[str]) -> Mapping[str, TopicInfo]:
    """Describe those of ``topics`` that exist. Raises aiokafka's ``KafkaError``."""
    node = client.get_random_node()
    if node is None:
        raise LogUnavailable("no broker is known")
    response = await client.send(node, TopicIdsRequest(list(topics)))
    return {
        name: TopicInfo(name, uuid.UUID(bytes=topic_id).hex, len(partitions), all(p[2] >= 0 for p in partitions))
        for error, name, topic_id, _internal, partitions, *_ in response.topics
        if error == 0
    }


async def topic_id(source: str | AIOKafkaClient, topic: str, timeout_s: float = 5.0) -> str:
    """Return the id of a topic, 32 hexadecimal digits: another one after the topic was deleted and created anew.

    Args:
        source: bootstrap address, or a client that is connected already.
        topic: its name.
        timeout_s: how long to wait for the answer.

    Raises:
        LogUnavailable: Kafka does not answer, or the topic does not exist.
    """
    try:
        async with asyncio.timeout(timeout_s):
            if isinstance(source, str):
                async with connect(source, timeout_s) as client:
                    found = await describe_topics(client, [topic])
            else:
                found = await describe_topics(source, [topic])
    except (KafkaError, OSError, TimeoutError, SetupError) as exc:
        raise LogUnavailable(f"no answer about topic {topic}: {exc!r}") from exc
    if topic not in found:
        raise LogUnavailable(f"topic {topic} does not exist")
    return found[topic].topic_id


async def ensure_topics(
    bootstrap: str,
    partitions: int,
    *,
    replication: int = 1,
    events_retention_ms: int = -1,
    names: TopicNames | None = None,
    timeout_s: float = CONNECT_TIMEOUT_S,
) -> None:
    """Create the topics that are missing; never alter one that exists.

    Args:
        bootstrap: ``host:port[,host:port]``.
        partitions: of ``presence-events`` and all topics that go with it.
        replication: copies of each partition.
        events_retention_ms: how long the truth is kept; -1 for ever.
        names: names of the topics, if not the usual ones.
        timeout_s: how long to wait for Kafka to answer and for leaders to be elected.

    Raises:
        SetupError: Kafka is unreachable, refuses, or has a topic with another number of partitions.
    """
    names = names or TopicNames()
    specs = topic_specs(events_retention_ms, names)
    async with connect(bootstrap, timeout_s) as client:
        try:
            async with asyncio.timeout(timeout_s):
                found = await describe_topics(client, [spec.name for spec in specs])
                _check(specs, found, partitions, names)
                missing = [spec for spec in specs if spec.name not in found]
                if missing:
                    await _create(bootstrap, missing, partitions, replication)
                    _log.info("topics created", topics=[spec.name for spec in missing], partitions=partitions)
                await _wait_for_leaders(client, specs, partitions, names)
        except (KafkaError, OSError, TimeoutError, LogUnavailable) as exc:
            raise unreachable(bootstrap, exc) from exc


def _check(specs: Sequence[TopicSpec], found: Mapping[str, TopicInfo], partitions: int, names: TopicNames) -> None:
    for spec in specs:
        info = found.get(spec.name)
        expected = _expected_partitions(spec, partitions, names)
        if info is None or expected is None or info.partitions == expected:
            continue
        remedy = (
            f"The number is fixed when a topic is created: configure {info.partitions} partitions."
            if spec.partitions is None
            else f"Delete the topic {spec.name}, or create it anew with {expected} partitions."
        )
        raise SetupError(f"topic {spec.name} has {info.partitions} partitions, expected are {expected}", remedy)


def _expected_partitions(spec: TopicSpec, partitions: int, names: TopicNames) -> int | None:
    """The number that must be met; None when any will do."""
    if spec.partitions is None:
        return partitions
    return 1 if spec.name == names.nodes else None


async def _create(bootstrap: str, missing: Sequence[TopicSpec], partitions: int, replication: int) -> None:
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap, client_id="presence", request_timeout_ms=REQUEST_TIMEOUT_MS
    )
    await admin.start()
    try:
        response = await admin.create_topics(
            [
                NewTopic(spec.name, spec.partitions or partitions, replication, topic_configs=spec.config)
                for spec in missing
            ]
        )
    finally:
        await admin.close()
    for topic, code, *rest in response.topic_errors:
        error = for_code(code)
        # Another process may be starting at the same time.
        if code and error is not TopicAlreadyExistsError:
            detail = (rest[0] if rest else None) or error.__name__
            raise SetupError(
                f"Kafka at {bootstrap} refuses to create topic {topic} ({detail})",
                "Check the replication and the rights of this client, or create the topic by hand.",
            )


async def _wait_for_leaders(
    client: AIOKafkaClient, specs: Sequence[TopicSpec], partitions: int, names: TopicNames
) -> None:
    wanted = [spec.name for spec in specs]
    while True:
        found = await describe_topics(client, wanted)
        if len(found) == len(wanted) and all(info.has_leaders for info in found.values()):
            return _check(specs, found, partitions, names)
        await asyncio.sleep(_POLL_S)
