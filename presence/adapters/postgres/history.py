"""The history tables in PostgreSQL. Many rows a statement, one transaction a batch, savepoints where rows are tried."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from presence.adapters.postgres import queries
from presence.adapters.postgres.columns import (
    Columns,
    event_records,
    fence_columns,
    last_seen_columns,
    session_columns,
    state_columns,
    status_columns,
)
from presence.adapters.postgres.config import PostgresConfig
from presence.adapters.postgres.failures import outages_as_errors, refusals_as_errors
from presence.domain.ids import NodeEpoch, NodeId, TenantId, UserId, UserKey, split_key
from presence.domain.state import NodeFence
from presence.history import HistoryRows, HistoryTransaction, StateRow

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

_SERVER_SETTINGS = {
    "application_name": "presence-history",
    # Compiling costs more than it brings for statements that write.
    "jit": "off",
    "timezone": "UTC",
    # A writer that froze in a transaction holds its partitions: after this the server lets others go on.
    "idle_in_transaction_session_timeout": "60s",
}


class PostgresHistoryTables:
    """The port `presence.history.HistoryTables` over a small pool, opened at first use. Call `close` at the end."""

    def __init__(self, config: PostgresConfig) -> None:
        self._config = config
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()
        # Months known to have their partition of events.
        self._months: set[tuple[int, int]] = set()

    async def close(self) -> None:
        """Close the pool; cut connections off that do not end in time."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(self._config.connect_s):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    @asynccontextmanager
    async def transaction(
        self, partitions: Collection[int], days: Collection[int]
    ) -> AsyncIterator[HistoryTransaction]:
        """See the port."""
        with outages_as_errors():
            pool = await self._open()
            async with pool.acquire(timeout=self._config.connect_s + self._config.command_s) as connection:
                await self._make_months(connection, days)
                async with connection.transaction():
                    yield await PostgresHistoryTransaction.begin(connection, self._config, sorted(partitions))

    async def _open(self) -> "asyncpg.Pool[asyncpg.Record]":
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._config.dsn,
                    min_size=self._config.min_connections,
                    max_size=self._config.max_connections,
                    timeout=self._config.connect_s,
                    command_timeout=self._config.command_s,
                    server_settings=_SERVER_SETTINGS,
                )
            return self._pool

    async def _make_months(self, connection: Connection, days: Collection[int]) -> None:
        """Before the transaction: making a partition waits for those who write to the default one."""
        moments = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in days]
        for month in sorted({(m.year, m.month) for m in moments} - self._months):
            await connection.execute(queries.ENSURE_PARTITION, datetime(*month, 1, tzinfo=UTC))
            self._months.add(month)


class PostgresHistoryTransaction:
    """The port `presence.history.HistoryTransaction` over one connection."""

    def __init__(self, connection: Connection, config: PostgresConfig, checkpoints: Mapping[int, int]) -> None:
        self._connection = connection
        self._owner = (config.projection, config.topic)
        self._checkpoints = checkpoints

    @classmethod
    async def begin(
        cls, connection: Connection, config: PostgresConfig, partitions: list[int]
    ) -> "PostgresHistoryTransaction":
        """Lock the checkpoints, in order of partition so that two writers cannot wait for each other."""
        owner = (config.projection, config.topic)
        rows = await connection.fetch(queries.LOCK_CHECKPOINTS, *owner, partitions)
        if len(rows) < len(partitions):
            await connection.execute(queries.MAKE_CHECKPOINTS, *owner, partitions)
            rows = await connection.fetch(queries.LOCK_CHECKPOINTS, *owner, partitions)
        return cls(connection, config, {row["partition"]: row["log_offset"] for row in rows})

    @property
    def checkpoints(self) -> Mapping[int, int]:
        """See the port."""
        return self._checkpoints

    async def load_states(self, users: Collection[UserKey], nodes: Collection[tuple[int, NodeId]]) -> list[StateRow]:
        """See the port."""
        rows: list[asyncpg.Record] = []
        # What cannot be a parameter (a lone surrogate, U+0000) was refused before; see projections.reading.
        if users:
            keys = [split_key(key) for key in users]
            rows += await self._connection.fetch(queries.LOAD_STATES, *_pairs(keys))
        if nodes:
            rows += await self._connection.fetch(queries.LOAD_STATES_BY_NODE, *_pairs(nodes))
        return [_state_row(row) for row in rows]

    async def load_fences(self, partitions: Collection[int]) -> list[tuple[int, NodeFence]]:
        """See the port."""
        rows = await self._connection.fetch(queries.LOAD_FENCES, list(partitions))
        return [
            (row["partition"], NodeFence(row["log_offset"], NodeId(row["node"]), NodeEpoch(row["node_epoch"])))
            for row in rows
        ]

    async def write(self, rows: HistoryRows) -> None:
        """See the port."""
        with refusals_as_errors():
            async with self._connection.transaction():  # inside a transaction: a savepoint
                await self._write_events(rows)
                await self._run(queries.DELETE_STATUSES, list(zip(*rows.void_statuses, strict=True)))
                await self._run(queries.UPSERT_SESSIONS, session_columns(rows.sessions))
                await self._run(queries.UPSERT_STATUSES, status_columns(rows.statuses))
                await self._run(queries.UPSERT_LAST_SEEN, last_seen_columns(rows.last_seen))
                await self._run(queries.UPSERT_STATES, state_columns(rows.states))
                await self._run(queries.UPSERT_FENCES, fence_columns(rows.fences))
                if rows.checkpoints:
                    partitions, offsets = zip(*sorted(rows.checkpoints.items()), strict=True)
                    await self._connection.execute(queries.MOVE_CHECKPOINTS, *self._owner, partitions, offsets)

    async def _write_events(self, rows: HistoryRows) -> None:
        if rows.events:
            records = event_records(rows.events)
            await self._connection.copy_records_to_table("events", records=records, columns=queries.EVENT_COLUMNS)

    async def _run(self, statement: str, columns: Columns) -> None:
        if columns:
            await self._connection.execute(statement, *columns)


def _pairs(pairs: Collection[tuple[object, str]]) -> tuple[list[object], list[str]]:
    return [first for first, _ in pairs], [second for _, second in pairs]


def _state_row(row: asyncpg.Record) -> StateRow:
    return StateRow(
        TenantId(row["tenant"]),
        UserId(row["user_id"]),
        row["partition"],
        row["log_offset"],
        tuple(row["nodes"]),
        row["state"].encode(),
    )
