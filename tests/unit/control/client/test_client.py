"""Tests of `control.client.client`: it stays connected, resumes, and knows what is true."""

import asyncio

import pytest

from control.client.backoff import Backoff
from control.client.errors import ClosedForGood, EdgeUnavailable, Refused
from control.client.news import Identity, LinkChanged, LinkState, News
from control.client.online import online
from presence.domain.status import Activity, Status
from presence.domain.views import OFFLINE, Presence
from presence.wire.frames import (
    Changes,
    Diff,
    Error,
    Feed,
    Hello,
    Join,
    Position,
    Resume,
    SayActivity,
    SayMeta,
    SetStatus,
    Unwatch,
    Watch,
)
from tests.support.fake_edge import fake_edge
from tests.support.until import until

ONLINE = Presence(Status.ONLINE, 1)
QUICK = Backoff(first_ms=1, max_ms=5, restart_ms=1)


async def test_a_watch_fills_the_store_and_diffs_keep_it_true() -> None:
    async with fake_edge() as edge:
        edge.users["ada"] = OFFLINE
        async with online(edge.url, "me", backoff=QUICK) as client:
            await client.watch(users=["ada"])
            await edge.push(Diff({0: 1}, users=Changes(joins={"ada": ONLINE})))

            await client.wait_until(lambda store: store.users["ada"] == ONLINE, 5)


async def test_a_cut_connection_comes_back_to_its_session_and_resumes() -> None:
    async with fake_edge() as edge:
        edge.users["ada"] = OFFLINE
        async with online(edge.url, "me", Identity("phone", ("lobby",)), backoff=QUICK) as client:
            await client.watch(users=["ada"])
            await client.join("kitchen")
            edge.missed = Changes(joins={"ada": ONLINE})
            edge.abort_all()
            await client.wait_until(lambda store: store.users["ada"] == ONLINE, 5)

    hello = [frame for frame in edge.received if isinstance(frame, Hello)][-1]
    assert hello.session == "session-1"
    assert hello.rooms == ["kitchen", "lobby"]
    assert [frame.position for frame in edge.received if isinstance(frame, Resume)] == [Position("feed-1", {0: 0})]


async def test_a_feed_that_began_anew_resets_the_store() -> None:
    async with fake_edge() as edge:
        edge.users["ada"] = ONLINE
        async with online(edge.url, "me", backoff=QUICK) as client:
            await client.watch(users=["ada"])
            edge.users["ada"] = OFFLINE
            edge.position = Position("feed-2", {0: 0})
            client.drop()

            await client.wait_until(lambda store: store.position == edge.position, 5)
            assert client.store.users == {"ada": OFFLINE}


async def test_after_a_state_gap_it_watches_anew_instead_of_resuming() -> None:
    async with fake_edge() as edge:
        edge.users["ada"] = OFFLINE
        async with online(edge.url, "me", backoff=QUICK) as client:
            await client.watch(users=["ada"])
            await edge.close_all(4002, "state_gap")
            await until(lambda: sum(isinstance(frame, Watch) for frame in edge.received) == 2)

    assert not any(isinstance(frame, Resume) for frame in edge.received)


async def test_what_is_no_longer_watched_is_forgotten_for_good() -> None:
    async with fake_edge() as edge:
        edge.users |= {"ada": ONLINE, "grace": ONLINE}
        async with online(edge.url, "me", backoff=QUICK) as client:
            await client.watch(users=["ada", "grace"], rooms=["lobby"])
            await client.unwatch(users=["grace"], rooms=["lobby"])
            client.drop()
            await until(lambda: any(isinstance(frame, Resume) for frame in edge.received))

            assert client.store.users == {"ada": ONLINE}
    assert [(f.users, f.rooms) for f in edge.received if isinstance(f, Unwatch)] == [(["grace"], ["lobby"])]
    assert [(f.users, f.rooms) for f in edge.received if isinstance(f, Resume)] == [(["ada"], [])]


async def test_what_was_said_before_a_break_is_said_again_after_it() -> None:
    async with fake_edge() as edge, online(edge.url, "me", backoff=QUICK) as client:
        await client.say_activity(Activity.BUSY)
        await client.say_meta({"mood": "fine"})
        await client.set_status(Status.DND, "writing", 60_000)
        await client.join("lobby")
        await client.leave("lobby")
        edge.abort_all()
        await until(lambda: edge.hellos == 2)

    hello = [frame for frame in edge.received if isinstance(frame, Hello)][-1]
    assert (hello.activity, hello.meta, hello.rooms) == (Activity.BUSY, {"mood": "fine"}, [])
    assert [f.for_ms for f in edge.received if isinstance(f, SetStatus)] == [60_000]
    assert sum(isinstance(f, SayActivity | SayMeta) for f in edge.received) == 2


async def test_a_code_that_forbids_coming_back_ends_the_client() -> None:
    async with fake_edge() as edge, online(edge.url, "me", backoff=QUICK) as client:
        await edge.close_all(4508, "kicked")

        with pytest.raises(ClosedForGood, match="4508 kicked"):
            await client.ended

    assert edge.hellos == 1


async def test_a_refused_hello_ends_the_client_before_it_began() -> None:
    async with fake_edge() as edge:
        edge.refuse[Hello] = Error("forbidden", "no", retry=False)

        with pytest.raises(Refused):
            async with online(edge.url, "me", backoff=QUICK):
                pass


async def test_a_hello_refused_for_now_is_said_again() -> None:
    async with fake_edge() as edge:
        edge.refuse[Hello] = Error("log_unavailable", "later", retry=True)

        def listen(news: News) -> None:
            assert isinstance(news, LinkChanged)
            edge.refuse.clear()

        async with online(edge.url, "me", listener=listen, backoff=QUICK) as client:
            assert client.is_connected


async def test_no_edge_in_time_is_an_edge_that_is_away() -> None:
    async with fake_edge() as edge:
        url = edge.url

    with pytest.raises(EdgeUnavailable, match="not connected within"):
        async with online(url, "me", backoff=QUICK, connect_s=0.05):
            pass


async def test_commands_fail_clearly_while_the_connection_is_away() -> None:
    async with fake_edge() as edge, online(edge.url, "me", backoff=QUICK) as client:
        client.drop(away_ms=60_000)
        await until(lambda: not client.is_connected)

        with pytest.raises(EdgeUnavailable, match="not connected at the moment"):
            await client.join("lobby")


async def test_a_refused_command_changes_nothing_here() -> None:
    async with fake_edge() as edge, online(edge.url, "me", backoff=QUICK) as client:
        edge.refuse[Join] = Error("limit_exceeded", "too many", retry=False)

        with pytest.raises(Refused):
            await client.join("lobby")

        assert client.rooms == set()


async def test_goodbye_ends_the_session_and_the_client() -> None:
    async with fake_edge() as edge, online(edge.url, "me", backoff=QUICK) as client:
        await client.goodbye()
        await asyncio.wait_for(asyncio.shield(client.ended), 5)

        assert client.session is None
        assert edge.hellos == 1


async def test_a_new_token_is_made_for_each_connection() -> None:
    tokens = iter(["first", "second"])
    async with fake_edge() as edge, online(edge.url, lambda: next(tokens), backoff=QUICK):
        await edge.close_all(4001, "token_expired")
        await until(lambda: edge.hellos == 2)

    assert [frame.token for frame in edge.received if isinstance(frame, Hello)] == ["first", "second"]


async def test_the_listener_hears_of_the_link_and_of_a_stale_feed() -> None:
    heard: list[News] = []
    async with fake_edge() as edge, online(edge.url, "me", listener=heard.append, backoff=QUICK) as client:
        await edge.push(Feed(stale=True))
        await client.wait_until(lambda store: store.stale, 5)
        await edge.close_all(1012, "restart")
        await until(lambda: edge.hellos == 2 and client.is_connected)

    states = [news.state for news in heard if isinstance(news, LinkChanged)]
    assert states == [LinkState.CONNECTED, LinkState.LOST, LinkState.CONNECTED]
    assert Feed(stale=True) in heard


async def test_waiting_for_what_does_not_come_times_out() -> None:
    async with fake_edge() as edge, online(edge.url, "me", backoff=QUICK) as client:
        with pytest.raises(TimeoutError):
            await client.wait_until(lambda store: "nobody" in store.users, 0.02)
