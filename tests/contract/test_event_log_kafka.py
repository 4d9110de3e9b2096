"""The event log on Kafka keeps the contract."""

from collections.abc import AsyncIterator, Sequence

import pytest

from control.devstack.config import Addresses
from presence.adapters.kafka.log import KafkaEventLog
from presence.adapters.kafka.nodes import KafkaNodeFeed
from presence.domain.leases import NodeRecord
from presence.ports import EventLog, LogRecord
from tests.contract.event_log_contract import EventLogContract
from tests.support.installation import Installation, installation

pytestmark = [pytest.mark.devstack, pytest.mark.slow]


class TestKafkaEventLog(EventLogContract):
    """`KafkaEventLog` under the contract."""

    partitions = 3

    @pytest.fixture
    async def where(self, devstack: Addresses) -> AsyncIterator[Installation]:
        async with installation(devstack.kafka, self.partitions) as fresh:
            self._where = fresh
            yield fresh

    @pytest.fixture
    async def log(self, where: Installation) -> AsyncIterator[KafkaEventLog]:
        async with where.log() as log:
            yield log

    async def records(self, log: EventLog, partition: int) -> Sequence[LogRecord]:
        where = self._where
        return [record for record in await where.records(where.names.events) if record.partition == partition]

    async def node_records(self, log: EventLog) -> Sequence[NodeRecord]:
        feed = KafkaNodeFeed(self._where.bootstrap, topic=self._where.names.nodes)
        return [record for _, record in await feed.read_all()]
