"""What clients do with a running edge: devices, rooms, statuses, comings, goings and comings back."""

from typing import Any

import pytest

from presence.domain.events import ConnectionLost, SessionClosed, SessionOpened
from presence.domain.ids import UserKey
from presence.domain.state import Live, Lost
from presence.domain.status import LostReason, Status
from presence.wire.frames import Ack, Diff, Error, Feed, Pong, Resumed, Snapshot
from tests.support.local_worker import FoldingLog
from tests.support.raw_socket import RawSocket, upgraded
from tests.support.running_edge import RunningEdge, running_edge
from tests.support.until import until


async def watch(socket: RawSocket, **what: Any) -> Snapshot:
    answer = await socket.ask({"t": "watch", "id": "watch", **what})
    assert isinstance(answer, Snapshot)
    return answer


async def next_diff(socket: RawSocket) -> Diff:
    answer = await socket.receive()
    assert isinstance(answer, Diff), answer
    return answer


async def test_a_watcher_sees_a_user_come_change_and_go() -> None:
    async with running_edge() as edge, edge.client("bob") as bob:
        before = await watch(bob, users=["alice"], rooms=["lobby"])
        async with edge.client("alice", device="phone", rooms=["lobby"], meta={"app": 1}) as alice:
            came = [await next_diff(bob), await next_diff(bob)]
            await alice.ask({"t": "activity", "id": "1", "activity": "busy"})
            busy = [await next_diff(bob), await next_diff(bob)]
            await alice.ask({"t": "goodbye", "id": "2"})
            left = [await next_diff(bob), await next_diff(bob)]

        assert before.users["alice"].status is Status.OFFLINE
        assert before.rooms == {"lobby": {}}
        assert came[0].users.joins["alice"].devices[0].meta == {"app": 1}  # type: ignore[union-attr]
        assert came[1].rooms["lobby"].joins["alice"].devices[0].device == "phone"  # type: ignore[index]
        assert busy[0].users.updates["alice"].status is Status.BUSY  # type: ignore[union-attr]
        assert left[0].users.leaves["alice"].last_seen is not None  # type: ignore[union-attr]
        assert left[1].rooms["lobby"].leaves["alice"].status is Status.OFFLINE  # type: ignore[index]
        # The first of two frames of one change promises nothing.
        assert [bool(diff.position) for diff in (*came, *busy, *left)] == [False, True] * 3


async def test_a_user_with_two_devices_is_as_present_as_the_more_present_one() -> None:
    async with running_edge() as edge, edge.client("bob") as bob, edge.client("alice", device="phone") as phone:
        async with edge.client("alice", device="laptop", activity="idle") as laptop:
            both = (await watch(bob, users=["alice"])).users["alice"]
            await phone.ask({"t": "goodbye", "id": "1"})
            one = (await next_diff(bob)).users.updates["alice"]  # type: ignore[union-attr]
            await laptop.ask({"t": "goodbye", "id": "2"})
            none = (await next_diff(bob)).users.leaves["alice"]  # type: ignore[union-attr]

        assert (both.status, {device.device for device in both.devices}) == (Status.ONLINE, {"phone", "laptop"})
        assert (one.status, [device.device for device in one.devices]) == (Status.AWAY, ["laptop"])
        assert none.status is Status.OFFLINE


async def test_a_status_set_by_hand_holds_for_all_devices_until_it_is_taken_back() -> None:
    async with running_edge() as edge, edge.client("bob") as bob, edge.client("alice") as alice:
        await watch(bob, users=["alice"])
        await alice.ask({"t": "status", "id": "1", "status": "dnd", "note": "on stage", "for_ms": 60_000})
        dnd = (await next_diff(bob)).users.updates["alice"]  # type: ignore[union-attr]
        await alice.ask({"t": "status", "id": "2", "status": "invisible"})
        gone = (await next_diff(bob)).users.leaves["alice"]  # type: ignore[union-attr]
        await alice.ask({"t": "status", "id": "3", "status": None})
        back = (await next_diff(bob)).users.joins["alice"]  # type: ignore[union-attr]

        assert (dnd.status, dnd.note) == (Status.DND, "on stage")
        assert (gone.status, gone.devices) == (Status.OFFLINE, ())
        assert (back.status, back.note) == (Status.ONLINE, "")


async def test_who_is_invisible_looks_offline_to_the_public_and_not_to_those_who_may_see() -> None:
    async with running_edge() as edge, edge.client("alice", rooms=["lobby"]) as alice:
        await alice.ask({"t": "status", "id": "1", "status": "invisible"})
        async with edge.client("bob") as bob, edge.client("admin", scope="presence:see-invisible") as admin:
            public = await watch(bob, users=["alice"], rooms=["lobby"])
            full = await watch(admin, users=["alice"], rooms=["lobby"])

            assert public.users["alice"].status is Status.OFFLINE
            assert public.rooms == {"lobby": {}}
            assert full.users["alice"].status is Status.INVISIBLE
            assert set(full.rooms["lobby"]) == {"alice"}


async def test_a_client_that_comes_back_within_its_grace_was_never_away() -> None:
    async with running_edge() as edge, edge.client("bob") as bob:
        await watch(bob, users=["alice"])
        async with upgraded(edge.port) as first:
            welcome = await edge.greet(first, "alice")
            await next_diff(bob)
            first.abort()
        await until(lambda: isinstance(edge.events("alice")[-1], ConnectionLost))
        async with upgraded(edge.port) as second:
            again = await edge.greet(second, "alice", session=welcome.session)
            bob.send({"t": "ping", "id": "p"})

            assert (again.session, again.resumed) == (welcome.session, True)
            assert again.connection != welcome.connection
            assert isinstance(await bob.receive(), Pong)
            assert isinstance(next(iter(edge.state("alice").sessions.values())).life, Live)  # type: ignore[union-attr]


async def test_a_connection_that_breaks_without_a_word_leaves_its_session_the_grace_of_the_edge() -> None:
    async with running_edge(grace_ms=7_000) as edge:
        async with edge.client("alice") as alice:
            alice.abort()
        await until(lambda: len(edge.events("alice")) == 2)

        lost = edge.events("alice")[1]
        assert isinstance(lost, ConnectionLost)
        assert (lost.reason, lost.grace_ms) == (LostReason.SOCKET, 7_000)


async def test_resume_brings_exactly_what_was_missed() -> None:
    async with running_edge() as edge, upgraded(edge.port) as first:
        await edge.greet(first, "bob")
        snapshot = await watch(first, users=["alice", "carol"], rooms=["lobby"])
        first.abort()
        async with edge.client("alice", rooms=["lobby"]), upgraded(edge.port) as second:
            await edge.shows("alice", "online")
            await edge.greet(second, "bob")
            position = {"feed": snapshot.position.feed, "offsets": snapshot.position.offsets}
            answer = await second.ask(
                {"t": "resume", "id": "r", "position": position, "users": ["alice", "carol"], "rooms": ["lobby"]}
            )

            assert isinstance(answer, Resumed)
            assert set(answer.users.joins) == {"alice"}  # type: ignore[union-attr]
            assert set(answer.rooms["lobby"].joins) == {"alice"}  # type: ignore[index]
            assert edge.count("resumes_total", outcome="exact") == 1


async def test_after_unwatch_no_diff_comes() -> None:
    async with running_edge() as edge, edge.client("bob") as bob:
        await watch(bob, users=["alice"], rooms=["lobby"])
        assert await bob.ask({"t": "unwatch", "id": "u", "users": ["alice"], "rooms": ["lobby"]}) == Ack("u")
        async with edge.client("alice", rooms=["lobby"]):
            bob.send({"t": "ping", "id": "p"})

            assert isinstance(await bob.receive(), Pong)


async def test_everything_may_be_sent_at_once_and_is_answered_in_order() -> None:
    async with running_edge() as edge, upgraded(edge.port) as socket:
        socket.send({"t": "hello", "id": "1", "token": edge.token("alice")})
        socket.send({"t": "join", "id": "2", "room": "lobby"})
        socket.send({"t": "status", "id": "3", "status": "busy"})
        socket.send({"t": "leave", "id": "4", "room": "lobby"})
        socket.send({"t": "goodbye", "id": "5"})

        answers = [await socket.receive() for _ in range(5)]
        assert [getattr(answer, "id", None) for answer in answers] == ["1", "2", "3", "4", "5"]
        assert await socket.until_closed() == 1000
        assert edge.state("alice").status is Status.OFFLINE  # type: ignore[union-attr]


async def test_a_token_is_renewed_by_another_hello() -> None:
    async with running_edge() as edge, upgraded(edge.port) as socket:
        await edge.greet(socket, "alice", token=edge.token("alice", ttl_s=-4.5))

        assert await socket.ask({"t": "hello", "id": "2", "token": edge.token("alice")}) == Ack("2")
        assert len(edge.events("alice")) == 1


@pytest.mark.parametrize("other", [{"user": "bob"}, {"user": "alice", "tenant": "globex"}], ids=["user", "tenant"])
async def test_w26_a_token_of_somebody_else_ends_the_connection(other: dict[str, str]) -> None:
    async with running_edge() as edge, edge.client("alice") as socket:
        socket.send({"t": "hello", "id": "2", "token": edge.token(**other)})

        assert await socket.until_closed() == 4501


async def test_a_token_that_sees_more_ends_a_connection_that_watches() -> None:
    async with running_edge() as edge, edge.client("alice") as socket:
        await watch(socket, users=["bob"])
        socket.send({"t": "hello", "id": "2", "token": edge.token("alice", scope="presence:see-invisible")})

        assert await socket.until_closed() == 4002


async def test_while_the_log_is_away_nothing_is_promised_and_sockets_stay() -> None:
    log = FoldingLog()
    async with running_edge(log) as edge, edge.client("alice") as alice, upgraded(edge.port) as late:
        log.available = False
        refused = await alice.ask({"t": "join", "id": "1", "room": "lobby"})
        unwelcome = await late.ask({"t": "hello", "id": "1", "token": edge.token("bob")})
        log.available = True
        again = await alice.ask({"t": "join", "id": "2", "room": "lobby"})
        await edge.greet(late, "bob")

        assert isinstance(refused, Error)
        assert isinstance(unwelcome, Error)
        assert (refused.code, refused.retry) == (unwelcome.code, unwelcome.retry) == ("log_unavailable", True)
        assert again == Ack("2")
        assert next(iter(edge.state("alice").sessions.values())).rooms == ("lobby",)  # type: ignore[union-attr]


async def test_an_append_whose_acknowledgement_got_lost_is_taken_back() -> None:
    log = FoldingLog()
    async with running_edge(log) as edge, edge.client("alice") as alice:
        log.lose_acks = True
        refused = await alice.ask({"t": "join", "id": "1", "room": "lobby"})
        assert next(iter(edge.state("alice").sessions.values())).rooms == ("lobby",)  # type: ignore[union-attr]
        log.lose_acks = False

        assert isinstance(refused, Error)
        await until(lambda: next(iter(edge.state("alice").sessions.values())).rooms == ())  # type: ignore[union-attr]


async def test_endings_are_owed_while_the_log_is_away_and_get_the_whole_grace() -> None:
    log = FoldingLog()
    async with running_edge(log) as edge:
        async with edge.client("alice"):
            log.available = False
        await until(lambda: edge.count("owed_departures") == 1)
        log.available = True
        await until(lambda: isinstance(edge.events("alice")[-1], ConnectionLost))

        session = next(iter(edge.state("alice").sessions.values()))  # type: ignore[union-attr]
        assert isinstance(session.life, Lost)
        await until(lambda: edge.count("owed_departures") == 0)


async def test_watchers_are_told_when_the_feed_stands_still_and_when_it_moves_again() -> None:
    log = FoldingLog()
    async with running_edge(log, probe_ms=20, stale_after_ms=60) as edge, edge.client("bob") as bob:
        await watch(bob, users=["alice"])
        log.changelog.available = False
        told = await bob.receive()
        stale = await watch(bob, users=["alice"])
        assert not edge.health.is_ready
        log.changelog.available = True

        assert told == Feed(stale=True)
        assert stale.stale
        assert await bob.receive() == Feed(stale=False)
        await until(lambda: edge.health.is_ready)


async def test_a_room_of_many_is_told_of_its_changes_once_an_interval() -> None:
    async with running_edge(room_paced_above=1, room_pace_ms=150) as edge, edge.client("bob") as bob:
        await watch(bob, rooms=["lobby"])
        async with edge.client("u1", rooms=["lobby"]), edge.client("u2", rooms=["lobby"]):
            await next_diff(bob)
            async with edge.client("u3", rooms=["lobby"]):
                pass
            many = await next_diff(bob)
            moved = await next_diff(bob)

            # u3 broke off: its session is still there.
            assert {"u2", "u3"} <= set(many.rooms["lobby"].joins)  # type: ignore[index]
            assert many.position == {}
            assert moved.position
            assert not moved.rooms


async def test_an_idle_session_is_away_until_its_next_command() -> None:
    async with running_edge(idle_ms=100) as edge, edge.client("bob") as bob, edge.client("alice") as alice:
        await watch(bob, users=["alice"])
        away = (await next_diff(bob)).users.updates["alice"]  # type: ignore[union-attr]
        alice.send({"t": "join", "id": "1", "room": "lobby"})
        online = (await next_diff(bob)).users.updates["alice"]  # type: ignore[union-attr]

        assert (away.status, online.status) == (Status.AWAY, Status.ONLINE)


async def test_only_the_newest_connection_holds_a_session() -> None:
    async with running_edge() as edge, upgraded(edge.port) as old:
        welcome = await edge.greet(old, "alice")
        async with edge.client("alice", session=welcome.session) as new:
            assert await old.until_closed() == 4510
            assert isinstance(await new.ask({"t": "join", "id": "1", "room": "lobby"}), Ack)
        # The old one had no say about the end of the session.
        assert not any(isinstance(event, SessionClosed) for event in edge.events("alice"))
        assert [event.connection for event in edge.events("alice") if isinstance(event, ConnectionLost)] != [
            welcome.connection
        ]


async def test_two_users_who_name_the_same_session_have_one_each() -> None:
    hello = {"session": "s-1"}
    async with running_edge() as edge, edge.client("alice", **hello) as alice, edge.client("mallory", **hello) as other:
        for socket in (alice, other):
            assert isinstance(await socket.ask({"t": "ping", "id": "p"}), Pong)
        assert len(edge.events("alice")) == len(edge.events("mallory")) == 1


async def test_rows_that_cannot_be_read_are_left_out_and_counted() -> None:
    log = FoldingLog()
    async with running_edge(log, probe_ms=20) as edge, edge.client("bob") as bob:
        await watch(bob, users=["alice"])
        log.changelog.publish(0, b"acme/alice", b"{")
        log.changelog.publish(0, b"\xff\xfe", b"{}")
        await until(lambda: edge.count("undecodable_rows") == 2)

        assert isinstance(await bob.ask({"t": "ping", "id": "p"}), Pong)
        assert edge.state("alice") is None


def _opened(edge: RunningEdge, user: str) -> list[SessionOpened]:
    return [event for event in edge.events(user) if isinstance(event, SessionOpened)]


async def test_a_new_feed_sends_watchers_to_a_new_snapshot_and_leaves_sessions_their_grace() -> None:
    """They were dismissed without a word: a client that never came back stayed present for ever."""
    log = FoldingLog()
    async with running_edge(log) as edge, edge.client("alice") as alice:
        log.changelog.create_anew("another")

        assert await alice.until_closed() == 4002
        await until(lambda: isinstance(edge.events("alice")[-1], ConnectionLost))
        await until(lambda: edge.health.is_ready)
        log.changelog.publish(0, UserKey("acme/x").encode(), None)
        async with edge.client("alice") as again:
            assert (await watch(again, users=["alice"])).position.feed == "another"
        assert len(_opened(edge, "alice")) == 2
