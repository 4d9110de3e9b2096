"""The changelog in memory keeps the contract, and refuses when it is told to."""

import asyncio

import pytest

from presence.adapters.memory.changelog import MemoryChangelog
from presence.domain.errors import LogUnavailable
from tests.contract.changelog_contract import ChangelogContract, Reading


class TestMemoryChangelog(ChangelogContract):
    """`MemoryChangelog` under the contract."""

    @pytest.fixture
    def changelog(self) -> MemoryChangelog:
        self._changelog = MemoryChangelog(2)
        return self._changelog

    async def publish(self, partition: int, key: bytes, value: bytes | None) -> None:
        self._changelog.publish(partition, key, value)

    async def create_anew(self) -> None:
        self._changelog.create_anew("another")

    async def test_while_it_is_away_questions_fail_and_followers_wait(self, changelog: MemoryChangelog) -> None:
        reading = Reading(changelog)
        changelog.publish(0, b"a", b"1")
        await reading.until(lambda: len(reading.rows) == 1)
        changelog.available = False
        changelog.publish(0, b"b", b"2")

        with pytest.raises(LogUnavailable):
            await changelog.high_water()
        with pytest.raises(LogUnavailable):
            await changelog.feed_epoch()
        waiting = asyncio.create_task(reading.until(lambda: len(reading.rows) == 2))
        assert len(await changelog_rows(reading)) == 1
        changelog.available = True
        await waiting

        assert reading.rows[-1] == (0, 1, b"b", b"2")

    async def test_followers_do_not_take_from_each_other(self, changelog: MemoryChangelog) -> None:
        readings = [Reading(changelog), Reading(changelog)]
        for number in range(4):
            changelog.publish(0, b"a", str(number).encode())
            for reading in readings:
                await reading.until(lambda reading=reading, count=number + 1: len(reading.rows) == count)  # type: ignore[misc]

        assert readings[0].rows == readings[1].rows


async def changelog_rows(reading: Reading) -> list[object]:
    """What was read after everybody had a turn."""
    await asyncio.sleep(0)
    return list(reading.rows)
