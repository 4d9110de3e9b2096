"""Start, stop, takeover, and a broker that goes away in the middle."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from control.devstack.config import Addresses, DevStackConfig
from control.devstack.stack import DevStack
from presence.adapters.kafka.log import KafkaEventLog
from presence.adapters.memory.dead_letters import MemoryDeadLetters
from presence.adapters.memory.nodes import MemoryNodeFeed
from presence.adapters.memory.time import SystemClock, UuidSource
from presence.domain.errors import LogUnavailable, SetupError
from presence.telemetry.health import Health
from streams import service
from streams.metrics import StreamsMetrics
from tests.support.inprocess import running_tables
from tests.support.installation import Installation, installation
from tests.support.random_log import RandomLog
from tests.support.scenes import key, opened
from tests.support.workers import Workers, workers

pytestmark = [pytest.mark.devstack, pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
async def own_kafka(devstack: Addresses, tmp_path: Path) -> AsyncIterator[DevStack]:
    """A broker that a test may kill."""
    config = DevStackConfig(tmp_path / "servers", postgres=devstack.postgres, valkey=devstack.valkey)
    async with DevStack(config) as stack:
        yield stack


async def test_a_clean_stop_commits_everything_and_leaves_the_group_at_once(where: Installation, crew: Workers) -> None:
    worker = await crew.ready("w1")
    await where.append_raw(RandomLog(11, users=100, partitions=4, poison=0).grow(5_000))
    await where.until(lambda rows: rows)

    code = await worker.stop()
    committed = await where.committed(where.config.app_id)
    ends = await where.ends(where.names.events)
    started = time.monotonic()
    await crew.ready("w2")
    took_s = time.monotonic() - started

    assert code == 0
    # What the worker had taken is committed; the rest is the next one's.
    assert sum(committed.values()) > 0
    assert all(committed[p] <= ends[p] for p in ends)
    assert took_s < 6.0, "the next worker must not wait for the session timeout of the first"
    assert await where.settled()


async def test_an_idle_worker_has_committed_all_when_it_stops(where: Installation, crew: Workers) -> None:
    worker = await crew.ready("w1", commit_interval_s=60.0)
    async with where.log() as log:
        for number in range(100):
            await log.append(key(f"user-{number}"), opened(f"user-{number}"), SystemClock().now())
    await where.until(lambda rows: len(rows) == 100)

    await worker.stop()

    assert await where.committed(where.config.app_id) == await where.ends(where.names.events)


async def test_after_a_kill_the_same_instance_takes_over_at_once_with_the_table(
    where: Installation, crew: Workers
) -> None:
    first = await crew.ready("w1")
    await where.append_raw(RandomLog(12, users=200, partitions=4).grow(4_000))
    before = await where.settled()
    await first.kill()

    started = time.monotonic()
    second = await crew.ready("w1")
    took_s = time.monotonic() - started
    await where.append_raw(RandomLog(13, users=200, partitions=4).grow(1_000))

    assert before
    assert took_s < 8.0
    assert await where.settled()
    assert await second.stop() == 0


async def test_two_workers_run_in_one_process(where: Installation) -> None:
    async with running_tables(where, instance="a"), running_tables(where, instance="b") as second:
        await where.append_raw(RandomLog(14, users=100, partitions=4).grow(2_000))
        rows = await where.settled()

    assert rows
    assert second.exits == []


async def test_a_broker_that_is_killed_and_comes_back_costs_nothing(own_kafka: DevStack, tmp_path: Path) -> None:
    async with installation(own_kafka.addresses.kafka) as where, workers(where, tmp_path) as crew:
        await crew.ready("w1")
        log = RandomLog(15, users=200, partitions=4)
        await where.append_raw(log.grow(3_000))
        kafka = own_kafka.kafka
        assert kafka is not None
        async with where.log() as events:
            acked: list[str] = []
            appending = asyncio.create_task(keep_appending(events, acked))
            await asyncio.sleep(0.5)
            await kafka.kill()
            await asyncio.sleep(2)
            await kafka.start()
            await asyncio.sleep(5)
            appending.cancel()
        rows = await where.settled(60)

    assert len(acked) > 10
    assert [name for name in acked if key(name) not in rows] == []


async def keep_appending(log: KafkaEventLog, acked: list[str]) -> None:
    number = 0
    while True:
        number += 1
        name = f"live-{number}"
        try:
            await log.append(key(name), opened(name), SystemClock().now())
            acked.append(name)
        except LogUnavailable:
            pass
        await asyncio.sleep(0.02)


async def test_a_worker_that_finds_no_kafka_says_so(where: Installation) -> None:
    nowhere = replace(where.config, bootstrap="127.0.0.1:1")
    async with where.log() as log:
        ports = service.TablesPorts(
            log, MemoryNodeFeed(), MemoryDeadLetters(is_open=False), SystemClock(), UuidSource()
        )
        health, metrics = Health(*service.TABLES_CHECKS), StreamsMetrics(CollectorRegistry())

        with pytest.raises(SetupError, match=r"127\.0\.0\.1:1 does not answer"):
            await service.run_tables(nowhere, ports, health, metrics, lambda _: None)
