"""Lives of a node: start, drain, fencing, and waking up after a freeze, with clients on it."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from presence.domain.errors import SetupError
from presence.domain.events import ConnectionLost, EventId, GraceOver, NodeLost, SessionOpened
from presence.domain.ids import Millis, NodeEpoch, NodeId, UserKey
from presence.domain.leases import Heartbeat, LeaseLost, NodeStopped
from presence.domain.state import Lost
from presence.domain.status import LostReason
from presence.wire.events import control_key
from presence.wire.frames import Ack, Error, Pong, Snapshot
from tests.support.local_worker import FoldingLog
from tests.support.raw_socket import request, tcp, upgraded
from tests.support.running_edge import RunningEdge, running_edge
from tests.support.until import until
from ws_edge.codes import Code

ALICE = UserKey("acme/alice")


def epochs(edge: RunningEdge, user: str) -> list[NodeEpoch]:
    return [event.node_epoch for event in edge.events(user) if isinstance(event, SessionOpened)]


def lease_lost(edge: RunningEdge, epoch: NodeEpoch) -> None:
    edge.log.nodes.publish(Millis(0), LeaseLost(NodeId("edge-1"), epoch))


async def node_lost(edge: RunningEdge, epoch: NodeEpoch) -> None:
    """As the detector does when the lease ran out; the grace is over at once."""
    event = NodeLost(EventId(f"lost-{epoch}"), NodeId("edge-1"), epoch, Millis(0))
    await edge.log.append_everywhere(control_key("edge-1"), event, Millis(1_700_000_000_000))


async def graces_over(edge: RunningEdge, key: UserKey) -> None:
    """As the worker does when it is over."""
    state = edge.log.state(key)
    assert state is not None
    for name, session in state.sessions.items():
        assert isinstance(session.life, Lost)
        event = GraceOver(EventId(f"over-{name}"), name, session.life.offset)
        await edge.log.append(key, event, Millis(1_700_000_000_001))


async def test_a_drain_says_a_last_word_about_every_session_and_shows_nobody_leave() -> None:
    log = FoldingLog()
    async with running_edge(log, node="edge-2") as other, other.client("watcher") as watcher:
        users = [f"u{n}" for n in range(8)]
        async with running_edge(log, retry_spread_ms=800) as edge, AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(edge.client(user)) for user in users]
            await watcher.ask({"t": "watch", "id": "w", "users": users})

            stopping = asyncio.create_task(edge.stop())
            codes = await asyncio.gather(*(client.until_closed() for client in clients))
            await stopping

            assert set(codes) == {Code.RESTART}
            spread = sorted(client.bye.retry_after_ms or 0 for client in clients if client.bye is not None)
            assert spread == [100 + 100 * n for n in range(8)]
            for user in users:
                lost = edge.events(user)[-1]
                assert isinstance(lost, ConnectionLost)
                assert (lost.reason, lost.grace_ms) == (LostReason.DRAIN, 60_000)
            assert isinstance(log.node_records[-1], NodeStopped)

        # Nobody was seen to leave: the watcher hears only its own pong.
        watcher.send({"t": "ping", "id": "p"})
        assert isinstance(await watcher.receive(), Pong)
        for user in users:
            async with other.client(user) as back:
                assert isinstance(await back.ask({"t": "join", "id": "1", "room": "r"}), Ack)


async def test_while_it_drains_commands_are_refused_and_handshakes_too() -> None:
    log = FoldingLog()
    async with running_edge(log) as edge, edge.client("alice") as alice, upgraded(edge.port) as silent:
        async with tcp(edge.port) as late:
            log.available = False  # the last words cannot be said yet
            stopping = asyncio.create_task(edge.stop())
            await until(lambda: not edge.health.is_ready)
            refused = await alice.ask({"t": "join", "id": "1", "room": "r"})
            late.write(request())
            status, fields = await late.response()
            log.available = True
            await stopping

        assert isinstance(refused, Error)
        assert (refused.code, refused.retry) == ("draining", True)
        assert (status, "retry-after" in fields) == (503, True)
        assert await alice.until_closed() == await silent.until_closed() == Code.RESTART
        assert isinstance(edge.events("alice")[-1], ConnectionLost)


async def test_a_drain_whose_last_words_cannot_be_said_ends_in_time_and_cuts_everybody() -> None:
    log = FoldingLog()
    async with running_edge(log, drain_ms=200) as edge, edge.client("alice") as alice:
        log.available = False
        await edge.stop()

        assert await alice.until_closed() is None
        assert not any(isinstance(record, NodeStopped) for record in log.node_records)


async def test_a_node_that_lost_its_lease_sends_everybody_back_and_begins_a_new_epoch() -> None:
    async with running_edge() as edge, edge.client("alice") as alice, upgraded(edge.port) as silent:
        [before] = epochs(edge, "alice")
        await node_lost(edge, before)
        lease_lost(edge, before)

        assert await alice.until_closed() == Code.RESTART
        assert await silent.until_closed() == Code.RESTART
        assert alice.bye is not None
        assert alice.bye.retry_after_ms is not None
        await until(lambda: edge.health.is_ready)
        async with edge.client("alice") as again:
            assert isinstance(await again.ask({"t": "join", "id": "1", "room": "r"}), Ack)
            after = epochs(edge, "alice")[-1]
            assert after > before
            assert edge.count("fenced_total") == 1
            assert Heartbeat(NodeId("edge-1"), after) in [
                Heartbeat(record.node, record.node_epoch)
                for record in edge.log.node_records
                if isinstance(record, Heartbeat)
            ]
            # The fenced life said nothing about a session that is no longer its own.
            assert not any(isinstance(event, ConnectionLost) for event in edge.events("alice"))


async def test_the_loss_of_an_earlier_life_or_of_another_node_changes_nothing() -> None:
    async with running_edge() as edge, edge.client("alice") as alice:
        [epoch] = epochs(edge, "alice")
        lease_lost(edge, NodeEpoch(epoch - 1))
        edge.log.nodes.publish(Millis(0), LeaseLost(NodeId("edge-9"), NodeEpoch(epoch + 5)))

        assert isinstance(await alice.ask({"t": "ping", "id": "p"}), Pong)
        assert edge.count("fenced_total") == 0


async def test_a_node_that_wakes_up_after_the_grace_sends_its_clients_back_and_not_away() -> None:
    """They were told 4508, never to come back: their sessions had vanished from the table while the node slept."""
    async with running_edge() as edge, edge.client("alice") as alice, edge.client("bob") as bob:
        [epoch] = epochs(edge, "alice")
        await bob.ask({"t": "watch", "id": "w", "users": ["alice"]})
        await node_lost(edge, epoch)
        await graces_over(edge, ALICE)

        assert await alice.until_closed() == Code.RESTART
        # Bob's grace is not over: he stays until the node hears that its lease is lost.
        snapshot = await bob.ask({"t": "watch", "id": "w2", "users": ["alice"]})
        assert isinstance(snapshot, Snapshot)
        assert snapshot.users["alice"].status == "offline"
        lease_lost(edge, epoch)
        assert await bob.until_closed() == Code.RESTART
        await until(lambda: edge.health.is_ready)
        async with edge.client("alice") as again:
            assert isinstance(await again.ask({"t": "ping", "id": "p"}), Pong)


async def test_a_node_that_was_frozen_for_a_lease_fences_itself_before_it_answers_anybody() -> None:
    """Until it read that its lease was lost, it acknowledged commands that no fold would take."""
    async with running_edge(lease_ms=800, heartbeat_ms=200) as edge, edge.client("alice") as alice:
        [before] = epochs(edge, "alice")
        alice.send({"t": "join", "id": "1", "room": "r"})
        time.sleep(1)  # noqa: ASYNC251 - this is the freeze

        heard = [await alice.receive()]
        while heard[-1] is not None:
            heard.append(await alice.receive())
        assert not any(isinstance(frame, Ack) for frame in heard)
        assert alice.close_code == Code.RESTART
        await until(lambda: edge.health.is_ready)
        async with edge.client("alice"):
            assert epochs(edge, "alice")[-1] > before


async def test_an_opening_by_a_fenced_life_does_not_count() -> None:
    async with running_edge() as edge, edge.client("alice") as alice:
        [epoch] = epochs(edge, "alice")
        await node_lost(edge, epoch)
        async with edge.client("bob"):
            assert edge.state("bob") is None
            lease_lost(edge, epoch)
            assert await alice.until_closed() == Code.RESTART


async def test_every_life_has_a_higher_epoch() -> None:
    log = FoldingLog()
    seen = []
    for _ in range(3):
        async with running_edge(log) as edge, edge.client("alice"):
            seen.append(epochs(edge, "alice")[-1])

    assert seen == sorted(set(seen))


async def test_an_edge_waits_for_the_log_when_it_starts() -> None:
    log = FoldingLog()
    log.available = False
    asyncio.get_running_loop().call_later(0.05, setattr, log, "available", True)

    async with running_edge(log) as edge, edge.client("alice") as alice:
        assert isinstance(await alice.ask({"t": "ping", "id": "p"}), Pong)


async def test_a_port_in_use_is_one_clear_error() -> None:
    async with running_edge() as edge:
        with pytest.raises(SetupError, match=f"cannot listen on 127.0.0.1:{edge.port}"):
            async with running_edge(node="edge-2", port=edge.port):
                pass


async def test_settings_that_contradict_each_other_are_one_clear_error() -> None:
    with pytest.raises(SetupError, match="lease_ms"):
        async with running_edge(lease_ms=1_000):
            pass


async def test_nothing_is_left_behind() -> None:
    before = asyncio.all_tasks()
    async with running_edge() as edge, edge.client("alice"):
        pass

    assert edge.task.cancelled()
    assert asyncio.all_tasks() == before
