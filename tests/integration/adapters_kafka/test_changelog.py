"""The changelog is followed from its beginning, over holes, and not over its own end."""

import asyncio
from collections.abc import Mapping

import pytest

from control.devstack.config import Addresses
from presence.adapters.kafka.changelog import KafkaChangelog
from presence.domain.errors import LogUnavailable
from tests.support.installation import Installation, installation, raw_producer

pytestmark = [pytest.mark.devstack, pytest.mark.slow]


async def write(where: Installation, *rows: tuple[int, bytes, bytes | None]) -> None:
    topic = where.names.users_changelog
    async with raw_producer(where.bootstrap, topic) as producer:
        for partition, key, value in rows:
            await producer.send(topic, partition, key, value)


def reached(changelog: KafkaChangelog, ends: Mapping[int, int]) -> bool:
    return all(changelog.positions().get(partition, 0) >= end for partition, end in ends.items())


async def test_it_yields_what_is_there_then_what_comes(devstack: Addresses) -> None:
    async with (
        installation(devstack.kafka, 2) as where,
        KafkaChangelog(devstack.kafka, topic=where.names.users_changelog) as changelog,
    ):
        await write(where, (0, b"a", b"1"), (1, b"b", b"2"), (0, b"a", None))
        ends = await changelog.high_water()
        seen = []
        following = changelog.follow()
        async with asyncio.timeout(20):
            async for batches in following:
                seen += [(batch.partition, *row) for batch in batches for row in batch.rows]
                if reached(changelog, ends):
                    break
            await write(where, (1, b"c", b"3"))
            async for batches in following:
                seen += [(batch.partition, *row) for batch in batches for row in batch.rows]
                if len(seen) == 4:
                    break
        await following.aclose()

    assert ends == {0: 2, 1: 1}
    assert sorted(seen, key=lambda row: row[:2]) == [
        (0, 0, b"a", b"1"),
        (0, 1, b"a", None),
        (1, 0, b"b", b"2"),
        (1, 1, b"c", b"3"),
    ]
    assert changelog.positions() == {0: 2, 1: 2}


async def test_it_ends_when_the_topic_is_created_anew(devstack: Addresses) -> None:
    async with (
        installation(devstack.kafka, 1) as where,
        KafkaChangelog(devstack.kafka, topic=where.names.users_changelog) as changelog,
    ):
        await write(where, (0, b"a", b"1"))
        before = await changelog.feed_epoch()

        async def follow() -> None:
            async for _ in changelog.follow():
                pass

        following = asyncio.create_task(follow())
        await asyncio.sleep(0.5)
        await where.recreate(where.names.users_changelog)
        await write(where, (0, b"a", b"1"), (0, b"b", b"1"))

        with pytest.raises(LogUnavailable):
            async with asyncio.timeout(15):
                await following
        assert await changelog.feed_epoch() != before


async def test_a_topic_that_is_not_there_is_not_waited_for_without_an_end(devstack: Addresses) -> None:
    async with KafkaChangelog(devstack.kafka, topic="nobody-made-this", timeout_s=1.0) as changelog:
        with pytest.raises(LogUnavailable):
            await changelog.high_water()
        with pytest.raises(LogUnavailable):
            await changelog.feed_epoch()
