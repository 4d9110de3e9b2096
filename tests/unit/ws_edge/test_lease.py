"""A node's lease: its epochs only grow, and whoever lost it begins anew."""

import asyncio

import pytest

from presence.adapters.memory.log import MemoryEventLog
from presence.adapters.memory.nodes import MemoryNodeFeed
from presence.adapters.memory.time import FakeClock
from presence.domain.ids import Millis, NodeEpoch, NodeId
from presence.domain.leases import Heartbeat, LeaseLost, NodeRecord, NodeStopped, Tick
from presence.telemetry.health import Health
from tests.support.until import until
from ws_edge import lease
from ws_edge.lease import CHECK, Lease, next_epoch

NODE, OTHER = NodeId("n1"), NodeId("n2")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RETRY_S", 0.001)


class Held:
    """A lease and what it works with."""

    def __init__(self, heartbeat_ms: int = 5) -> None:
        self.log, self.nodes, self.clock, self.health = MemoryEventLog(), MemoryNodeFeed(), FakeClock(), Health(CHECK)
        self.lives: list[NodeEpoch] = []
        self.lease = Lease(
            NODE,
            self.log,
            self.nodes,
            self.clock,
            self.health,
            heartbeat_ms=heartbeat_ms,
            connections=lambda: 7,
            on_new_epoch=self.lives.append,
        )

    @property
    def beats(self) -> list[NodeEpoch]:
        return [record.node_epoch for record in self.log.node_records if isinstance(record, Heartbeat)]


@pytest.mark.parametrize(
    ("records", "now", "epoch"),
    [
        ([], 100, 100),
        ([Heartbeat(NODE, NodeEpoch(50))], 100, 100),
        ([Heartbeat(NODE, NodeEpoch(200)), NodeStopped(NODE, NodeEpoch(300))], 100, 301),
        ([LeaseLost(NODE, NodeEpoch(100))], 100, 101),
        ([Heartbeat(OTHER, NodeEpoch(900)), Tick("w")], 100, 100),
    ],
)
def test_an_epoch_is_above_every_earlier_one_and_by_the_clock(records: list[NodeRecord], now: int, epoch: int) -> None:
    assert next_epoch(NODE, [(Millis(0), record) for record in records], Millis(now)) == epoch


async def test_a_lease_is_taken_by_a_heartbeat_with_the_number_of_connections() -> None:
    held = Held()

    await held.lease.acquire()

    assert held.log.node_records == [Heartbeat(NODE, NodeEpoch(held.clock.now()), 7)]
    assert held.lives == [held.clock.now()]
    assert held.health.is_ready


async def test_it_waits_for_a_log_that_is_away() -> None:
    held = Held()
    held.log.available = False
    taking = asyncio.create_task(held.lease.acquire())
    await until(lambda: "does not answer" in held.health.report()[CHECK])
    held.log.available = True
    await taking

    assert held.health.is_ready


async def test_it_is_renewed_and_not_ready_while_it_cannot_be() -> None:
    held = Held()
    await held.lease.acquire()
    renewing = asyncio.create_task(held.lease.run())
    await until(lambda: len(held.beats) >= 3)
    held.log.available = False
    await until(lambda: not held.health.is_ready)
    held.log.available = True
    await until(lambda: held.health.is_ready)
    renewing.cancel()
    await asyncio.gather(renewing, return_exceptions=True)

    assert set(held.beats) == {held.lease.epoch}


async def test_whoever_lost_the_lease_takes_a_new_one_at_once() -> None:
    held = Held(heartbeat_ms=60_000)
    await held.lease.acquire()
    tasks = [asyncio.create_task(held.lease.run()), asyncio.create_task(held.lease.watch())]
    first = held.lease.epoch
    held.nodes.publish(Millis(0), LeaseLost(OTHER, NodeEpoch(first + 9)))
    held.nodes.publish(Millis(0), LeaseLost(NODE, NodeEpoch(first - 1)))
    held.nodes.publish(Millis(0), LeaseLost(NODE, first))
    await until(lambda: len(held.beats) == 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert held.lives == [first, first + 1]
    assert held.beats == held.lives
    assert held.health.is_ready


async def test_the_nodes_are_followed_again_when_that_failed() -> None:
    held = Held(heartbeat_ms=60_000)
    await held.lease.acquire()
    held.nodes.fails = 1  # type: ignore[attr-defined]
    follow = held.nodes.follow

    def failing() -> object:
        if held.nodes.fails:  # type: ignore[attr-defined]
            held.nodes.fails -= 1  # type: ignore[attr-defined]
            raise lease.LogUnavailable("told so by the test")
        return follow()

    held.nodes.follow = failing  # type: ignore[assignment,method-assign]
    watching = asyncio.create_task(held.lease.watch())
    held.nodes.publish(Millis(0), LeaseLost(NODE, held.lease.epoch))
    await until(lambda: len(held.lives) == 2)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_lease_is_given_back() -> None:
    held = Held()
    await held.lease.acquire()
    await held.lease.release()

    assert held.log.node_records[-1] == NodeStopped(NODE, held.lease.epoch)
