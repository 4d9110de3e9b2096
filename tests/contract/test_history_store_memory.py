"""The history in memory keeps the contract."""

import pytest

from presence.adapters.memory.history import MemoryHistoryTables
from presence.history import HistoryRows, HistoryTables
from tests.contract.history_store_contract import HistoryStoreContract


class TestMemoryHistory(HistoryStoreContract):
    """In memory."""

    @pytest.fixture
    def tables(self) -> MemoryHistoryTables:
        return MemoryHistoryTables()

    async def rows(self, tables: HistoryTables) -> HistoryRows:
        assert isinstance(tables, MemoryHistoryTables)
        return tables.tables.rows()
