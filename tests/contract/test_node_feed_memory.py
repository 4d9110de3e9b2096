"""The feed of nodes in memory keeps the contract."""

import pytest

from presence.adapters.memory.nodes import MemoryNodeFeed
from presence.domain.ids import Millis
from presence.domain.leases import NodeRecord
from tests.contract.node_feed_contract import NodeFeedContract


class TestMemoryNodeFeed(NodeFeedContract):
    """`MemoryNodeFeed` under the contract."""

    @pytest.fixture
    def feed(self) -> MemoryNodeFeed:
        self._feed = MemoryNodeFeed()
        self._now = Millis(1_700_000_000_000)
        return self._feed

    async def publish(self, record: NodeRecord) -> None:
        self._now = Millis(self._now + 1)
        self._feed.publish(self._now, record)
