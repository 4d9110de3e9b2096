"""Tests of `control.bootstrap.parts`."""

import asyncio
import socket

import pytest

from control.bootstrap.parts import (
    consumer_groups,
    instance_name,
    kafka_address,
    postgres_address,
    reach_kafka,
    topic_names,
)
from control.errors import ServerAway
from control.settings.model import Settings
from presence.domain.errors import SetupError
from tests.support.up_process import free_ports


async def test_a_broker_that_takes_connections_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        await reach_kafka(f"127.0.0.1:{server.getsockname()[1]}", 5)


async def test_one_broker_of_several_is_enough() -> None:
    (dead,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        await reach_kafka(f"127.0.0.1:{dead}, 127.0.0.1:{server.getsockname()[1]}", 5)


async def test_a_broker_that_comes_late_is_waited_for() -> None:
    (port,) = free_ports(1)
    reaching = asyncio.create_task(reach_kafka(f"127.0.0.1:{port}", 10))
    await asyncio.sleep(0)

    with socket.create_server(("127.0.0.1", port)):
        await reaching


async def test_no_broker_in_time_says_where_none_was() -> None:
    (dead,) = free_ports(1)

    with pytest.raises(ServerAway, match=f"Kafka at 127.0.0.1:{dead} does not answer") as caught:
        await reach_kafka(f"127.0.0.1:{dead}", 0.05)

    assert caught.value.retryable


@pytest.mark.parametrize("address", ["broker", "broker:", ":9092", "broker:kafka"])
async def test_an_address_that_is_none_is_told_at_once(address: str) -> None:
    with pytest.raises(SetupError, match="no address of a Kafka broker"):
        await reach_kafka(address, 30)


def test_what_is_not_set_is_asked_for_by_name() -> None:
    with pytest.raises(SetupError, match="PRESENCE_KAFKA=host:9092"):
        kafka_address(Settings())
    with pytest.raises(SetupError, match="PRESENCE_POSTGRES=postgresql://"):
        postgres_address(Settings())


def test_a_prefix_goes_before_topics_and_groups() -> None:
    settings = Settings(topics={"prefix": "eu."})

    assert topic_names(settings).events == "eu.presence-events"
    assert consumer_groups(settings) == {"streams": "eu.presence", "history": "eu.presence-history"}


def test_a_process_is_named_for_its_machine_unless_told_otherwise() -> None:
    assert instance_name("mine") == "mine"
    assert instance_name("") == socket.gethostname()
