"""Topics are created once, checked ever after, and told apart when one is created anew."""

import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from control.devstack.config import Addresses
from presence.adapters.kafka.connection import connect
from presence.adapters.kafka.topics import describe_topics, ensure_topics, topic_id
from presence.domain.errors import LogUnavailable, SetupError
from presence.wire.topics import topic_specs
from tests.support.installation import installation

pytestmark = [pytest.mark.devstack, pytest.mark.slow]


async def test_every_topic_is_there_with_its_configuration(devstack: Addresses) -> None:
    async with installation(devstack.kafka, 3) as where, connect(devstack.kafka) as client:
        specs = topic_specs(names=where.names)
        found = await describe_topics(client, [spec.name for spec in specs])
        admin = AIOKafkaAdminClient(bootstrap_servers=devstack.kafka)
        await admin.start()
        (answer,) = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, spec.name) for spec in specs]
        )
        await admin.close()

    assert {name: info.partitions for name, info in found.items()} == {
        spec.name: spec.partitions or 3 for spec in specs
    }
    configs = {name: {entry[0]: entry[1] for entry in entries} for _, _, _, name, entries in answer.resources}
    for spec in specs:
        assert configs[spec.name].items() >= spec.config.items()


async def test_topics_that_are_there_are_left_alone(devstack: Addresses) -> None:
    async with installation(devstack.kafka, 2) as where:
        before = await topic_id(devstack.kafka, where.names.events)

        await ensure_topics(devstack.kafka, 2, names=where.names)

        assert await topic_id(devstack.kafka, where.names.events) == before


async def test_another_number_of_partitions_is_refused_with_what_to_do(devstack: Addresses) -> None:
    async with installation(devstack.kafka, 2) as where:
        with pytest.raises(SetupError, match="has 2 partitions, expected are 5") as refused:
            await ensure_topics(devstack.kafka, 5, names=where.names)

    assert "configure 2 partitions" in str(refused.value)


async def test_a_topic_created_anew_has_another_id(devstack: Addresses) -> None:
    async with installation(devstack.kafka, 2) as where:
        before = await topic_id(devstack.kafka, where.names.users_changelog)

        await where.recreate(where.names.users_changelog)

        assert await topic_id(devstack.kafka, where.names.users_changelog) != before


async def test_a_topic_that_is_not_there_has_no_id_and_is_not_made_by_asking(devstack: Addresses) -> None:
    with pytest.raises(LogUnavailable, match="does not exist"):
        await topic_id(devstack.kafka, "nobody-made-this")
    async with connect(devstack.kafka) as client:
        assert await describe_topics(client, ["nobody-made-this"]) == {}


async def test_a_kafka_that_does_not_answer_is_named_within_the_deadline() -> None:
    started = time.monotonic()

    with pytest.raises(SetupError, match=r"Kafka at 127\.0\.0\.1:1 does not answer"):
        await ensure_topics("127.0.0.1:1", 2, timeout_s=0.5)

    assert time.monotonic() - started < 3
