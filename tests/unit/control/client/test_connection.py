"""Tests of `control.client.connection`, against an edge that does what it is told."""

import socket

import pytest

from control.client import connection
from control.client.connection import open_connection
from control.client.errors import ClosedForGood, EdgeUnavailable, Refused
from presence.wire.frames import Ack, Diff, Error, Hello, Join, Ping, Pong, ServerFrame, Snapshot, Watch
from tests.support.fake_edge import fake_edge


async def test_hello_is_answered_by_welcome() -> None:
    async with fake_edge() as edge, open_connection(edge.url, Hello("ada", device="phone"), ignore) as (_, welcome):
        assert welcome.user == "ada"
        assert welcome.device == "phone"
        assert not welcome.resumed


async def test_each_request_gets_its_own_answer() -> None:
    async with fake_edge() as edge, open_connection(edge.url, Hello("ada"), ignore) as (link, _):
        assert isinstance(await link.request(Join("lobby")), Ack)
        assert isinstance(await link.request(Ping()), Pong)
        assert isinstance(await link.request(Watch(rooms=["lobby"])), Snapshot)


async def test_a_refusal_is_raised_where_it_was_asked_for() -> None:
    async with fake_edge() as edge:
        edge.refuse[Join] = Error("limit_exceeded", "128 rooms", retry=False)
        async with open_connection(edge.url, Hello("ada"), ignore) as (link, _):
            with pytest.raises(Refused, match="limit_exceeded: 128 rooms") as caught:
                await link.request(Join("lobby"))

    assert not caught.value.retry


async def test_frames_that_nobody_asked_for_go_to_the_listener() -> None:
    heard: list[ServerFrame] = []
    async with fake_edge() as edge, open_connection(edge.url, Hello("ada"), heard.append) as (link, _):
        await edge.push(Diff({0: 1}))
        await link.request(Ping())

    assert Diff({0: 1}) in heard


async def test_an_answer_that_does_not_come_is_an_edge_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_S", 0.05)
    async with fake_edge() as edge:
        edge.mute.add(Join)
        async with open_connection(edge.url, Hello("ada"), ignore) as (link, _):
            with pytest.raises(EdgeUnavailable, match="no answer within"):
                await link.request(Join("lobby"))


async def test_requests_under_way_fail_when_the_connection_breaks() -> None:
    async with fake_edge() as edge, open_connection(edge.url, Hello("ada"), ignore) as (link, _):
        edge.abort_all()

        with pytest.raises(EdgeUnavailable):
            await link.request(Join("lobby"))
        await link.wait_closed()

        assert link.close_code == 1006


async def test_how_the_edge_closed_is_known_afterwards() -> None:
    async with fake_edge() as edge, open_connection(edge.url, Hello("ada"), ignore) as (link, _):
        await edge.close_all(1012, "restart")
        await link.wait_closed()

        assert (link.close_code, link.close_reason) == (1012, "restart")


async def test_garbage_from_an_edge_ends_the_connection() -> None:
    async with fake_edge() as edge, open_connection(edge.url, Hello("ada"), ignore) as (link, _):
        await edge.push_text('{"t":"never heard of"}')
        await link.wait_closed()

        assert link.close_code == 1007


async def test_goodbye_waits_until_the_edge_knows() -> None:
    async with fake_edge() as edge, open_connection(edge.url, Hello("ada"), ignore) as (link, _):
        await link.goodbye()
        await link.wait_closed()

        assert link.close_code == 1000


async def test_nobody_there_is_an_edge_that_is_away() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{probe.getsockname()[1]}/"

    with pytest.raises(EdgeUnavailable):
        async with open_connection(url, Hello("ada"), ignore):
            pass


async def test_a_refused_hello_is_raised() -> None:
    async with fake_edge() as edge:
        edge.refuse[Hello] = Error("forbidden", "no", retry=False)

        with pytest.raises(Refused):
            async with open_connection(edge.url, Hello("ada"), ignore):
                pass


async def test_an_answer_that_is_no_welcome_is_no_edge_of_ours() -> None:
    async with fake_edge() as edge:
        edge._answer = lambda frame: Ack(frame.id)  # type: ignore[method-assign]

        with pytest.raises(ClosedForGood):
            async with open_connection(edge.url, Hello("ada"), ignore):
                pass


def ignore(_: ServerFrame) -> None:
    """Hear nothing."""
