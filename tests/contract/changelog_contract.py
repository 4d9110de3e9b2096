"""What every `Changelog` must do; each adapter subclasses `ChangelogContract` and says how to make and fill one."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from presence.domain.errors import LogUnavailable
from presence.ports import Changelog, ChangelogBatch

Row = tuple[int, int, bytes, bytes | None]
"""(partition, offset, key, value)"""

WITHIN_S = 20.0


def rows_of(batches: Sequence[ChangelogBatch]) -> list[Row]:
    """The rows of some batches."""
    return [(batch.partition, *row) for batch in batches for row in batch.rows]


class Reading:
    """A follower that a test asks for more until something holds."""

    def __init__(self, changelog: Changelog) -> None:
        self._following: AsyncIterator[Sequence[ChangelogBatch]] = changelog.follow()
        self.rows: list[Row] = []

    async def until(self, holds: Callable[[], bool]) -> None:
        """Read on until it holds."""
        async with asyncio.timeout(WITHIN_S):
            while not holds():
                self.rows += rows_of(await anext(self._following))

    def of(self, partition: int) -> list[Row]:
        """The rows of one partition, in the order they came."""
        return [row for row in self.rows if row[0] == partition]


class ChangelogContract(ABC):
    """The contract. Subclasses give the fixture ``changelog``: empty, of two partitions."""

    @abstractmethod
    async def publish(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Append a row; returns when it is there for everybody."""

    @abstractmethod
    async def create_anew(self) -> None:
        """Replace the topic by an empty one of the same name."""

    async def test_an_empty_one_has_its_ends_at_the_beginning(self, changelog: Changelog) -> None:
        assert dict(await changelog.high_water()) == {0: 0, 1: 0}

    async def test_the_high_water_is_the_offset_after_the_last_row(self, changelog: Changelog) -> None:
        for key in (b"a", b"b", b"a"):
            await self.publish(0, key, b"{}")

        assert dict(await changelog.high_water()) == {0: 3, 1: 0}

    async def test_a_follower_gets_what_is_there_in_the_order_of_each_partition(self, changelog: Changelog) -> None:
        await self.publish(0, b"acme/a", b"1")
        await self.publish(1, b"acme/b", b"2")
        await self.publish(0, b"acme/a", b"3")

        reading = Reading(changelog)
        await reading.until(lambda: len(reading.rows) == 3)

        assert reading.of(0) == [(0, 0, b"acme/a", b"1"), (0, 1, b"acme/a", b"3")]
        assert reading.of(1) == [(1, 0, b"acme/b", b"2")]

    async def test_a_follower_gets_what_comes(self, changelog: Changelog) -> None:
        await self.publish(0, b"acme/a", b"1")
        reading = Reading(changelog)
        await reading.until(lambda: len(reading.rows) == 1)

        await self.publish(1, b"acme/b", b"2")
        await reading.until(lambda: len(reading.rows) == 2)

        assert reading.rows[1] == (1, 0, b"acme/b", b"2")

    async def test_a_tombstone_is_none(self, changelog: Changelog) -> None:
        await self.publish(0, b"acme/a", None)

        reading = Reading(changelog)
        await reading.until(lambda: len(reading.rows) == 1)

        assert reading.rows == [(0, 0, b"acme/a", None)]

    async def test_bytes_are_not_touched(self, changelog: Changelog) -> None:
        key, value = "acme/Ж\U0001f989".encode() + b"\xff", bytes(range(256))
        await self.publish(0, key, value)

        reading = Reading(changelog)
        await reading.until(lambda: len(reading.rows) == 1)

        assert reading.rows == [(0, 0, key, value)]

    async def test_positions_reach_the_high_water(self, changelog: Changelog) -> None:
        for number in range(5):
            await self.publish(number % 2, b"acme/a", b"{}")
        ends = dict(await changelog.high_water())

        reading = Reading(changelog)
        await reading.until(lambda: all(changelog.positions().get(p, 0) >= end for p, end in ends.items()))

        assert dict(changelog.positions()) == ends
        assert len(reading.rows) == 5

    async def test_whoever_follows_again_begins_at_the_beginning(self, changelog: Changelog) -> None:
        await self.publish(0, b"acme/a", b"1")
        for _ in range(2):
            reading = Reading(changelog)
            await reading.until(lambda reading=reading: len(reading.rows) == 1)  # type: ignore[misc]

            assert reading.rows == [(0, 0, b"acme/a", b"1")]

    async def test_whoever_follows_another_topic_of_the_same_name_has_no_positions_of_the_old_one(
        self, changelog: Changelog
    ) -> None:
        await self.publish(0, b"acme/a", b"1")
        reading = Reading(changelog)
        await reading.until(lambda: len(reading.rows) == 1)
        await self.create_anew()

        following = asyncio.create_task(Reading(changelog).until(lambda: False))
        await asyncio.sleep(0)

        assert sum(changelog.positions().values()) == 0
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    async def test_the_epoch_stays_until_the_topic_is_created_anew(self, changelog: Changelog) -> None:
        await self.publish(0, b"acme/a", b"1")
        first = await changelog.feed_epoch()
        second = await changelog.feed_epoch()
        await self.create_anew()
        third = await changelog.feed_epoch()

        assert first == second
        assert first != third

    async def test_a_follower_of_what_is_no_more_is_told_so(self, changelog: Changelog) -> None:
        await self.publish(0, b"acme/a", b"1")
        reading = Reading(changelog)
        await reading.until(lambda: len(reading.rows) == 1)

        await self.create_anew()

        with pytest.raises(LogUnavailable):
            await reading.until(lambda: False)
