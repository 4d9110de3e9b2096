"""The event log in memory keeps the contract, and refuses when it is told to."""

from collections.abc import Sequence

import pytest

from presence.adapters.memory.log import MemoryEventLog
from presence.domain.errors import LogUnavailable
from presence.domain.leases import NodeRecord, Tick
from presence.ports import EventLog, LogRecord
from presence.wire.events import control_key
from tests.contract.event_log_contract import ALICE, AT, LOST, OPENED, EventLogContract


class TestMemoryEventLog(EventLogContract):
    """`MemoryEventLog` under the contract."""

    partitions = 3

    @pytest.fixture
    def log(self) -> MemoryEventLog:
        return MemoryEventLog(self.partitions)

    async def records(self, log: EventLog, partition: int) -> Sequence[LogRecord]:
        assert isinstance(log, MemoryEventLog)
        return log.partitions[partition]

    async def node_records(self, log: EventLog) -> Sequence[NodeRecord]:
        assert isinstance(log, MemoryEventLog)
        return log.node_records

    async def test_an_unavailable_log_refuses_everything_and_keeps_nothing(self, log: MemoryEventLog) -> None:
        log.available = False

        with pytest.raises(LogUnavailable):
            await log.append(ALICE, OPENED, AT)
        with pytest.raises(LogUnavailable):
            await log.append_to_partition(0, ALICE, OPENED, AT)
        with pytest.raises(LogUnavailable):
            await log.append_everywhere(control_key("edge-1"), LOST, AT)
        with pytest.raises(LogUnavailable):
            await log.append_node_record(Tick("worker-1"))
        assert log.partitions == [[], [], []]
        assert log.node_records == []
