"""PostgreSQL away, slow or crowded: nothing is half written, and the same batch works later."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from control.devstack.config import Addresses
from migrations.run import migrate
from presence.adapters.postgres.config import PostgresConfig
from presence.adapters.postgres.history import PostgresHistoryTables
from presence.domain.errors import HistoryUnavailable, SetupError
from presence.history import HistoryTransaction
from presence.ports import LogRecord
from projections.config import HistoryConfig
from projections.history import HistoryProjection
from projections.metrics import HistoryMetrics
from tests.support.history_oracle import expected_rows, rows_to_compare
from tests.support.history_reader import read_history
from tests.support.random_log import RandomLog

pytestmark = pytest.mark.devstack


@pytest.fixture
async def config(empty_database: str) -> PostgresConfig:
    await migrate(empty_database)
    return PostgresConfig(empty_database)


@pytest.fixture
async def tables(config: PostgresConfig) -> AsyncIterator[PostgresHistoryTables]:
    tables = PostgresHistoryTables(config)
    yield tables
    await tables.close()


def projection(tables: PostgresHistoryTables) -> HistoryProjection:
    """A projection with an empty memory."""
    return HistoryProjection(tables, HistoryConfig(), HistoryMetrics(CollectorRegistry()))


async def kill_writers(dsn: str) -> int:
    """Cut off every connection of the history to this database; how many there were."""
    connection = await asyncpg.connect(dsn)
    try:
        return len(
            await connection.fetch(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                "where application_name = 'presence-history' and datname = current_database()"
            )
        )
    finally:
        await connection.close()


class CutBeforeCommit:
    """Tables whose connection is cut when everything is written and nothing committed."""

    def __init__(self, tables: PostgresHistoryTables, dsn: str) -> None:
        self._tables = tables
        self._dsn = dsn

    @asynccontextmanager
    async def transaction(
        self, partitions: Collection[int], days: Collection[int]
    ) -> AsyncIterator[HistoryTransaction]:
        async with self._tables.transaction(partitions, days) as transaction:
            yield transaction
            assert await kill_writers(self._dsn) >= 1


async def test_a_connection_cut_in_a_transaction_writes_nothing_and_the_batch_works_later(
    tables: PostgresHistoryTables, config: PostgresConfig
) -> None:
    log = RandomLog(21).grow(80)
    store = HistoryProjection(CutBeforeCommit(tables, config.dsn), HistoryConfig(), HistoryMetrics(CollectorRegistry()))
    with pytest.raises(HistoryUnavailable):
        await store.write(log)
    assert (await read_history(config.dsn)).events == []

    await projection(tables).write(log)

    assert rows_to_compare(await read_history(config.dsn)) == expected_rows(log)


async def test_connections_cut_between_batches_cost_at_most_a_retry(
    tables: PostgresHistoryTables, config: PostgresConfig
) -> None:
    log = RandomLog(22).grow(200)
    store = projection(tables)

    for start in range(0, len(log), 40):
        batch = log[start : start + 40]
        await kill_writers(config.dsn)
        try:
            await store.write(batch)
        except HistoryUnavailable:
            await store.write(batch)

    assert rows_to_compare(await read_history(config.dsn)) == expected_rows(log)


async def test_connections_cut_at_any_moment_lose_and_double_nothing(
    tables: PostgresHistoryTables, config: PostgresConfig
) -> None:
    log = RandomLog(23).grow(400)
    store = projection(tables)
    writing = True

    async def cut() -> None:
        while writing:
            await kill_writers(config.dsn)

    async def write() -> None:
        nonlocal writing
        for number, start in enumerate(range(0, len(log), 25)):
            await write_at_last(store, log[start : start + 25], calm=number >= 8)
        writing = False

    async def write_at_last(store: HistoryProjection, batch: list[LogRecord], *, calm: bool) -> None:
        nonlocal writing
        writing = writing and not calm
        async with asyncio.timeout(30):
            while True:
                try:
                    await store.write(batch)
                except HistoryUnavailable:
                    continue
                return

    async with asyncio.TaskGroup() as group:
        group.create_task(cut())
        group.create_task(write())

    assert rows_to_compare(await read_history(config.dsn)) == expected_rows(log)


async def test_a_server_that_is_away_is_unavailable(unused_tcp_port: int) -> None:
    tables = PostgresHistoryTables(PostgresConfig(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/nothing"))

    with pytest.raises(HistoryUnavailable):
        await projection(tables).write(RandomLog(24).grow(5))

    await tables.close()


async def test_a_partition_held_by_somebody_else_is_unavailable_after_the_deadline(config: PostgresConfig) -> None:
    log = RandomLog(25, partitions=1).grow(20)
    holder = PostgresHistoryTables(config)
    waiting = PostgresHistoryTables(replace(config, command_s=0.3))

    async with holder.transaction([0], []):
        with pytest.raises(HistoryUnavailable):
            await projection(waiting).write(log)

    await projection(waiting).write(log)
    assert rows_to_compare(await read_history(config.dsn)) == expected_rows(log)
    await holder.close()
    await waiting.close()


async def test_a_database_without_tables_asks_for_a_migration(empty_database: str) -> None:
    tables = PostgresHistoryTables(PostgresConfig(empty_database))

    with pytest.raises(SetupError, match="presence migrate"):
        await projection(tables).write(RandomLog(26).grow(5))

    await tables.close()


async def test_a_role_with_no_connection_left_is_unavailable(empty_database: str, devstack: Addresses) -> None:
    await migrate(empty_database)
    name = empty_database.rsplit("/", 1)[1]
    server = await asyncpg.connect(devstack.postgres)
    await server.execute(f"create role {name} login nosuperuser connection limit 0")
    tables = PostgresHistoryTables(PostgresConfig(empty_database.replace("postgres@", f"{name}@")))

    with pytest.raises(HistoryUnavailable):
        await projection(tables).write(RandomLog(27).grow(5))

    await tables.close()
    await server.execute(f"drop role {name}")
    await server.close()
