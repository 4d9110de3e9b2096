"""The feed of nodes on Kafka keeps the contract, and skips what it cannot read."""

from collections.abc import AsyncIterator

import pytest

from control.devstack.config import Addresses
from presence.adapters.kafka.log import KafkaEventLog
from presence.adapters.kafka.nodes import KafkaNodeFeed
from presence.domain.leases import NodeRecord
from tests.contract.node_feed_contract import RECORDS, NodeFeedContract
from tests.support.installation import Installation, installation, raw_producer

pytestmark = [pytest.mark.devstack, pytest.mark.slow]


class TestKafkaNodeFeed(NodeFeedContract):
    """`KafkaNodeFeed` under the contract."""

    @pytest.fixture
    async def where(self, devstack: Addresses) -> AsyncIterator[Installation]:
        async with installation(devstack.kafka, 2) as fresh:
            yield fresh

    @pytest.fixture
    async def log(self, where: Installation) -> AsyncIterator[KafkaEventLog]:
        async with where.log() as log:
            self._log = log
            yield log

    @pytest.fixture
    def feed(self, where: Installation, log: KafkaEventLog) -> KafkaNodeFeed:
        return KafkaNodeFeed(where.bootstrap, topic=where.names.nodes)

    async def publish(self, record: NodeRecord) -> None:
        await self._log.append_node_record(record)

    async def test_what_cannot_be_read_is_skipped(self, feed: KafkaNodeFeed, where: Installation) -> None:
        topic = where.names.nodes
        async with raw_producer(where.bootstrap, topic) as producer:
            for value in (b"{", b'{"type":"shout"}', None):
                await producer.send(topic, 0, b"edge-1", value)
        await self.publish(RECORDS[0])

        assert [record for _, record in await feed.read_all()] == [RECORDS[0]]
