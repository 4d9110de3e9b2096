"""What every `NodeFeed` must do; each adapter subclasses `NodeFeedContract` and says how to make and fill one."""

import asyncio
from abc import ABC, abstractmethod

from presence.domain.ids import NodeEpoch, NodeId
from presence.domain.leases import Heartbeat, LeaseLost, NodeRecord, NodeStopped, Tick
from presence.ports import NodeFeed

RECORDS: list[NodeRecord] = [
    Heartbeat(NodeId("edge-1"), NodeEpoch(1), 7),
    Tick("worker-1"),
    LeaseLost(NodeId("edge-1"), NodeEpoch(1)),
    Heartbeat(NodeId("edge-1"), NodeEpoch(2)),
    NodeStopped(NodeId("edge-1"), NodeEpoch(2)),
]


class NodeFeedContract(ABC):
    """The contract. Subclasses give the fixture ``feed``: an empty one."""

    @abstractmethod
    async def publish(self, record: NodeRecord) -> None:
        """Append a record; returns when it is there for everybody."""

    async def test_nothing_is_in_an_empty_one(self, feed: NodeFeed) -> None:
        assert list(await feed.read_all()) == []

    async def test_everything_is_read_in_order(self, feed: NodeFeed) -> None:
        for record in RECORDS:
            await self.publish(record)

        read = await feed.read_all()

        assert [record for _, record in read] == RECORDS
        assert [at for at, _ in read] == sorted(at for at, _ in read)

    async def test_a_follower_gets_what_is_there_and_then_what_comes(self, feed: NodeFeed) -> None:
        for record in RECORDS[:2]:
            await self.publish(record)
        following = feed.follow()
        async with asyncio.timeout(20):
            seen = [(await anext(following))[1] for _ in range(2)]
            for record in RECORDS[2:]:
                await self.publish(record)
            seen += [(await anext(following))[1] for _ in range(3)]

        assert seen == RECORDS

    async def test_every_follower_begins_at_the_beginning(self, feed: NodeFeed) -> None:
        await self.publish(RECORDS[0])

        async with asyncio.timeout(20):
            seen = [(await anext(feed.follow()))[1] for _ in range(2)]

        assert seen == [RECORDS[0]] * 2
