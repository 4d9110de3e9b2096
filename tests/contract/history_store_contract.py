"""What every `HistoryStore` must do: the projection over the tables of an adapter, on real logs and on bad days."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from presence.domain.errors import HistoryUnavailable
from presence.history import HistoryRows, HistoryTables, HistoryTransaction
from presence.ports import DeadLetter, HistoryStore, LogRecord
from projections.config import HistoryConfig
from projections.history import HistoryProjection
from projections.metrics import HistoryMetrics
from tests.support.history_oracle import expected_rows, rows_to_compare
from tests.support.log_script import opened, script
from tests.support.random_log import RandomLog


class Breaking:
    """Tables whose transactions break just before the commit while ``breaks`` is set."""

    def __init__(self, tables: HistoryTables) -> None:
        self._tables = tables
        self.breaks = True

    @asynccontextmanager
    async def transaction(
        self, partitions: Collection[int], days: Collection[int]
    ) -> AsyncIterator[HistoryTransaction]:
        async with self._tables.transaction(partitions, days) as transaction:
            yield transaction
            if self.breaks:
                raise HistoryUnavailable("broken by the test")


def projection(tables: HistoryTables, cached_users: int = 1_000) -> HistoryProjection:
    """A projection with nothing in memory, as after a restart."""
    return HistoryProjection(tables, HistoryConfig(cached_users), HistoryMetrics(CollectorRegistry()))


async def write_in_batches(store: HistoryStore, records: list[LogRecord], size: int) -> list[DeadLetter]:
    """Hand records in, ``size`` at a time."""
    letters: list[DeadLetter] = []
    for start in range(0, len(records), size):
        letters += await store.write(records[start : start + size])
    return letters


class HistoryStoreContract(ABC):
    """The contract. Subclasses give the fixture ``tables`` (fresh, empty ones) and a way to read them."""

    @abstractmethod
    async def rows(self, tables: HistoryTables) -> HistoryRows:
        """Everything that is in the tables, each sorted by its key."""

    @pytest.mark.parametrize("seed", range(3))
    async def test_the_tables_are_what_brute_force_finds_in_the_log(self, tables: HistoryTables, seed: int) -> None:
        log = RandomLog(seed).grow(400)

        await write_in_batches(projection(tables), log, 64)

        assert rows_to_compare(await self.rows(tables)) == expected_rows(log)

    async def test_restarts_between_batches_change_nothing(self, tables: HistoryTables) -> None:
        log = RandomLog(11).grow(300)

        for start in range(0, len(log), 17):
            await projection(tables).write(log[start : start + 17])

        assert rows_to_compare(await self.rows(tables)) == expected_rows(log)

    async def test_a_cache_that_holds_one_user_changes_nothing(self, tables: HistoryTables) -> None:
        log = RandomLog(12).grow(300)

        await write_in_batches(projection(tables, cached_users=1), log, 23)

        assert rows_to_compare(await self.rows(tables)) == expected_rows(log)

    async def test_the_same_batch_twice_is_written_once(self, tables: HistoryTables) -> None:
        log = RandomLog(13).grow(100)
        store = projection(tables)
        await store.write(log)

        await store.write(log)
        await projection(tables).write(log)

        assert rows_to_compare(await self.rows(tables)) == expected_rows(log)

    async def test_batches_that_overlap_lose_and_double_nothing(self, tables: HistoryTables) -> None:
        log = RandomLog(14).grow(300)
        store = projection(tables)

        for start in range(0, len(log), 30):
            await store.write(log[max(0, start - 20) : start + 30])

        assert rows_to_compare(await self.rows(tables)) == expected_rows(log)

    async def test_a_record_that_comes_twice_within_a_batch_is_written_once(self, tables: HistoryTables) -> None:
        log = RandomLog(15).grow(60)

        await projection(tables).write([*log, *log])

        assert rows_to_compare(await self.rows(tables)) == expected_rows(log)

    async def test_a_crash_before_the_commit_leaves_no_trace(self, tables: HistoryTables) -> None:
        log = RandomLog(16).grow(200)
        breaking = Breaking(tables)
        store = projection(breaking)
        breaking.breaks = False
        await store.write(log[:80])
        before = await self.rows(tables)
        breaking.breaks = True

        with pytest.raises(HistoryUnavailable):
            await store.write(log[80:140])

        assert await self.rows(tables) == before
        breaking.breaks = False
        await store.write(log[80:140])
        await store.write(log[140:])
        assert rows_to_compare(await self.rows(tables)) == expected_rows(log)

    async def test_two_writers_that_race_for_the_partitions_double_nothing(self, tables: HistoryTables) -> None:
        log = RandomLog(17).grow(300)

        async with asyncio.TaskGroup() as writers:
            writers.create_task(write_in_batches(projection(tables), log, 20))
            writers.create_task(write_in_batches(projection(tables), log, 33))

        assert rows_to_compare(await self.rows(tables)) == expected_rows(log)

    async def test_two_writers_that_take_turns_notice_each_other(self, tables: HistoryTables) -> None:
        log = RandomLog(18).grow(300)
        first, second = projection(tables), projection(tables)

        for start in range(0, len(log), 40):
            await first.write(log[start : start + 20])
            await second.write(log[start : start + 40])

        assert rows_to_compare(await self.rows(tables)) == expected_rows(log)

    async def test_what_cannot_be_read_comes_back_and_the_rest_is_written(self, tables: HistoryTables) -> None:
        good, bad = script(opened("alice", "s1"), b"{not json", opened("bob", "s2")), 1

        letters = await projection(tables).write(good)

        assert [(letter.record, letter.stage, letter.reason) for letter in letters] == [
            (good[bad], "history", "decode")
        ]
        assert [row.offset for row in (await self.rows(tables)).events] == [0, 2]

    async def test_what_cannot_be_read_comes_back_again_when_handed_in_again(self, tables: HistoryTables) -> None:
        log = script(opened("alice", "s1"), b"{not json")
        store = projection(tables)
        first = await store.write(log)

        again = await store.write(log)

        assert again == first
        assert (await self.rows(tables)).checkpoints == {0: 1}

    async def test_a_record_with_nul_in_it_comes_back(self, tables: HistoryTables) -> None:
        log = script(opened("alice", "s1", meta={"text": "a\x00b"}), opened("bob", "s2", meta={"text": r"\u0000"}))

        letters = await projection(tables).write(log)

        assert [(letter.record.offset, letter.reason) for letter in letters] == [(0, "refused")]
        assert [row.user for row in (await self.rows(tables)).events] == ["bob"]

    async def test_only_the_record_the_store_refuses_comes_back(self, tables: HistoryTables) -> None:
        endless = random.Random(1).randbytes(5_000).hex()  # no index holds it, and it cannot be compressed
        users = [f"user-{n}" for n in range(9)]
        log = script(*(opened(user, f"s-{user}") for user in users), opened("eve", endless), opened("zoe", "s-zoe"))
        store = projection(tables)

        letters = await store.write(log)

        rows = await self.rows(tables)
        assert [(letter.record.offset, letter.reason) for letter in letters] == [(9, "refused")]
        assert [row.user for row in rows.events] == [*users, "zoe"]
        assert [row.user for row in rows.sessions] == [*users, "zoe"]
        assert rows.checkpoints == {0: 10}

    async def test_a_user_in_a_second_partition_comes_back(self, tables: HistoryTables) -> None:
        store = projection(tables)
        await store.write(script(opened("alice", "s1")))

        letters = await store.write(script(opened("alice", "s2"), opened("bob", "s3"), partition=1))

        assert [(letter.record.partition, letter.record.offset, letter.reason) for letter in letters] == [
            (1, 0, "partition")
        ]
        assert [row.user for row in (await self.rows(tables)).events] == ["alice", "bob"]

    async def test_no_records_are_no_transaction(self, tables: HistoryTables) -> None:
        letters = await projection(tables).write([])

        assert letters == []
        assert (await self.rows(tables)).checkpoints == {}
