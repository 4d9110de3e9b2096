"""The doctor's look at real servers, healthy and not."""

import asyncpg
import pytest

from control.devstack.config import Addresses
from control.doctor import kafka, stores, tiers
from control.doctor.findings import Finding, Level
from migrations.run import migrate
from presence.adapters.kafka.topics import ensure_topics
from presence.wire.topics import TopicNames
from tests.support.fake_edge import fake_edge
from tests.support.up_process import free_ports

pytestmark = [pytest.mark.devstack, pytest.mark.slow]

GROUPS = {"streams": "doctor-streams"}


def by_area(found: list[Finding]) -> dict[str, Finding]:
    return {finding.area: finding for finding in found}


async def test_missing_topics_say_which_command_makes_them(devstack: Addresses) -> None:
    found = by_area(await kafka.examine(devstack.kafka, TopicNames.with_prefix("doctor-none."), GROUPS))

    assert found["kafka"].level is Level.OK
    assert found["topics"].level is Level.FAIL
    assert "presence topics" in found["topics"].remedy


async def test_topics_and_lags_of_a_healthy_cluster(devstack: Addresses) -> None:
    names = TopicNames.with_prefix("doctor-some.")
    await ensure_topics(devstack.kafka, 2, names=names)

    found = by_area(await kafka.examine(devstack.kafka, names, GROUPS))

    assert found["topics"].level is Level.OK
    assert "doctor-some.presence-events (2)" in found["topics"].detail
    assert found["lag of streams"].level is Level.OK


async def test_a_kafka_that_is_away_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "REACH_S", 0.1)

    (finding,) = await kafka.examine(f"127.0.0.1:{free_ports(1)[0]}", TopicNames(), GROUPS)

    assert finding.level is Level.FAIL
    assert "PRESENCE_KAFKA" in finding.remedy


async def test_a_database_without_schema_says_which_command_makes_it(devstack: Addresses) -> None:
    address = await fresh_database(devstack, "doctor_empty")

    found = by_area(await stores.examine_postgres(address))

    assert found["postgres"].level is Level.OK
    assert found["schema"].level is Level.FAIL
    assert "presence migrate" in found["schema"].remedy


async def test_a_current_schema_is_well(devstack: Addresses) -> None:
    address = await fresh_database(devstack, "doctor_current")
    await migrate(address)

    found = by_area(await stores.examine_postgres(address))

    assert found["schema"].level is Level.OK


async def test_stores_that_are_away_fail_without_showing_a_password(devstack: Addresses) -> None:
    (port,) = free_ports(1)

    (postgres,) = await stores.examine_postgres(f"postgresql://ada:hush@127.0.0.1:{port}/presence")
    (valkey,) = await stores.examine_valkey(f"redis://:hush@127.0.0.1:{port}/0")

    assert postgres.level is valkey.level is Level.FAIL
    assert "hush" not in postgres.detail + valkey.detail


async def test_valkey_tells_its_version(devstack: Addresses) -> None:
    (finding,) = await stores.examine_valkey(devstack.valkey)

    assert finding.level is Level.OK
    assert "valkey" in finding.detail


async def test_an_edge_that_lets_anybody_in_fails() -> None:
    async with fake_edge() as edge:
        (finding,) = await tiers.examine_edge(edge.url)

    assert finding.level is Level.FAIL
    assert "proves nothing" in finding.detail


async def fresh_database(devstack: Addresses, name: str) -> str:
    connection = await asyncpg.connect(devstack.postgres)
    try:
        await connection.execute(f"drop database if exists {name}")
        await connection.execute(f"create database {name}")
    finally:
        await connection.close()
    return devstack.postgres.rpartition("/")[0] + f"/{name}"
