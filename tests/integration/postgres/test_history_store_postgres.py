"""The history in PostgreSQL keeps the contract."""

from collections.abc import AsyncIterator

import pytest

from migrations.run import migrate
from presence.adapters.postgres.config import PostgresConfig
from presence.adapters.postgres.history import PostgresHistoryTables
from presence.history import HistoryRows, HistoryTables
from tests.contract.history_store_contract import HistoryStoreContract
from tests.support.history_reader import read_history


@pytest.mark.devstack
class TestPostgresHistory(HistoryStoreContract):
    """On the embedded server."""

    @pytest.fixture
    async def tables(self, empty_database: str) -> AsyncIterator[PostgresHistoryTables]:
        await migrate(empty_database)
        tables = PostgresHistoryTables(PostgresConfig(empty_database))
        yield tables
        await tables.close()

    async def rows(self, tables: HistoryTables) -> HistoryRows:
        assert isinstance(tables, PostgresHistoryTables)
        return await read_history(tables._config.dsn)
