"""Tests of `control.cli.watch`: what is written for programs and for people."""

import asyncio
from io import StringIO

import msgspec
import pytest
from pydantic import SecretStr
from rich.console import Console

from control.cli.target import Target
from control.cli.watch import describe_link, line_of, lines, table
from control.client.errors import ClosedForGood
from control.client.news import LinkChanged, LinkState
from control.client.store import Seen
from control.settings.model import Settings
from presence.domain.status import Status
from presence.domain.views import DiffKind, Presence
from presence.wire.frames import Changes, Diff, Feed, Goodbye, Hello, Position, SetStatus, Snapshot, Watch
from tests.support.fake_edge import FakeEdge, fake_edge
from tests.support.until import until

ONLINE = Presence(Status.ONLINE, 5)


def written(news: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(line_of(news)))  # type: ignore[arg-type]


def test_each_kind_of_news_is_one_object() -> None:
    shown = {"status": "online", "since": 5}

    assert written(Snapshot({"ada": ONLINE}, {"lobby": {}}, Position("f", {}), stale=False)) == {
        "t": "snapshot", "users": {"ada": shown}, "rooms": {"lobby": {}}, "stale": False,
    }  # fmt: skip
    assert written(Seen(DiffKind.JOIN, "ada", ONLINE)) == {"t": "join", "user": "ada", "presence": shown}
    assert written(Seen(DiffKind.LEAVE, "ada", ONLINE, "lobby")) == {
        "t": "leave", "user": "ada", "room": "lobby", "presence": shown,
    }  # fmt: skip
    assert written(Feed(stale=True)) == {"t": "feed", "stale": True}
    assert written(LinkChanged(LinkState.CONNECTED)) == {"t": "link", "state": "connected"}
    assert written(LinkChanged(LinkState.LOST, 1012, "restart", 20)) == {
        "t": "link", "state": "lost", "code": 1012, "reason": "restart",
    }  # fmt: skip


def test_the_link_is_described_for_people() -> None:
    assert describe_link(LinkChanged(LinkState.CONNECTED), "ws://e") == "ws://e  connected"
    assert "1012 restart" in describe_link(LinkChanged(LinkState.LOST, 1012, "restart", 20), "ws://e")


def target_of(edge: FakeEdge, token: str | None = None) -> Target:
    secret = SecretStr("a secret of more than thirty-two bytes")
    return Target(edge.url, "demo", Settings(token={"secret": secret}), token)


async def test_once_prints_the_snapshot_and_says_goodbye(capsys: pytest.CaptureFixture[str]) -> None:
    async with fake_edge() as edge:
        edge.rooms["lobby"] = {"ada": ONLINE}
        await lines(target_of(edge), "me", set(), {"lobby"}, once=True)

        kinds = [type(frame) for frame in edge.received]
    assert kinds == [Hello, SetStatus, Watch, Goodbye]
    shown = [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["t"] for line in shown] == ["link", "snapshot"]
    assert shown[1]["rooms"] == {"lobby": {"ada": {"status": "online", "since": 5}}}


async def test_a_real_user_who_watches_is_not_hidden() -> None:
    async with fake_edge() as edge:
        await lines(target_of(edge, "my own token"), "me", set(), {"lobby"}, once=True)

    assert not any(isinstance(frame, SetStatus) for frame in edge.received)


async def test_diffs_are_printed_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    shown = ""
    async with fake_edge() as edge:
        watching = asyncio.create_task(lines(target_of(edge), "me", set(), {"lobby"}, once=False))
        await until(lambda: any(isinstance(frame, Watch) for frame in edge.received))
        await edge.push(Diff({0: 1}, rooms={"lobby": Changes(joins={"ada": ONLINE})}))

        def has_joined() -> bool:
            nonlocal shown
            shown += capsys.readouterr().out
            return '"join"' in shown

        await until(has_joined)
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching

    assert '{"t":"join","user":"ada","room":"lobby"' in shown


async def test_a_watcher_who_is_thrown_out_says_why() -> None:
    async with fake_edge() as edge:
        watching = asyncio.create_task(lines(target_of(edge), "me", set(), {"lobby"}, once=False))
        await until(lambda: any(isinstance(frame, Watch) for frame in edge.received))
        await edge.close_all(4508, "kicked")

        with pytest.raises(ClosedForGood, match="kicked"):
            await watching


async def test_the_table_is_drawn_until_the_end() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=100, height=30)
    async with fake_edge() as edge:
        edge.users["ada"] = ONLINE
        watching = asyncio.create_task(table(target_of(edge), "me", {"ada"}, set(), console))
        await until(lambda: "roster (1)" in console.file.getvalue())  # type: ignore[attr-defined]
        await edge.close_all(4508, "kicked")

        with pytest.raises(ClosedForGood):
            await watching
