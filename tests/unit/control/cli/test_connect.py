"""Tests of `control.cli.connect`: what can be typed, and what is printed."""

from io import StringIO

import pytest
from rich.console import Console

from control.cli.connect import do, text_of
from control.client.backoff import Backoff
from control.client.news import LinkChanged, LinkState
from control.client.online import online
from control.client.store import Seen
from presence.domain.errors import InvalidField
from presence.domain.status import Activity, Status
from presence.domain.views import DiffKind, Presence
from presence.wire.frames import Feed, Join, Leave, SayActivity, SetStatus, Watch
from tests.support.fake_edge import fake_edge
from tests.support.until import until


@pytest.mark.parametrize(
    ("line", "kind", "fields"),
    [
        ("join lobby", Join, {"room": "lobby"}),
        ("leave lobby", Leave, {"room": "lobby"}),
        ("watch lobby", Watch, {"rooms": ["lobby"]}),
        ("busy", SayActivity, {"activity": Activity.BUSY}),
        ("status dnd", SetStatus, {"status": Status.DND, "for_ms": None, "note": ""}),
        ("status away 15m out for lunch", SetStatus, {"for_ms": 900_000, "note": "out for lunch"}),
        ("status busy on a call", SetStatus, {"for_ms": None, "note": "on a call"}),
        ("clear", SetStatus, {"status": None}),
    ],
)
async def test_what_is_typed_is_done(line: str, kind: type, fields: dict[str, object]) -> None:
    async with fake_edge() as edge, online(edge.url, "ada") as client:
        await do(client, line.split(), Console(file=StringIO()))

        (frame,) = [frame for frame in edge.received if isinstance(frame, kind)]
        assert {name: getattr(frame, name) for name in fields} == fields


async def test_a_dropped_network_comes_back() -> None:
    async with fake_edge() as edge, online(edge.url, "ada", backoff=Backoff(first_ms=1)) as client:
        await do(client, ["drop"], Console(file=StringIO()))

        await until(lambda: edge.hellos == 2)


async def test_an_unknown_status_is_refused_before_it_is_sent() -> None:
    async with fake_edge() as edge, online(edge.url, "ada") as client:
        with pytest.raises(InvalidField, match="one of online"):
            await do(client, ["status", "sleepy"], Console(file=StringIO()))


@pytest.mark.parametrize("words", [["help"], ["what"], ["join"]])
async def test_anything_else_shows_what_can_be_typed(words: list[str]) -> None:
    console = Console(file=StringIO())
    async with fake_edge() as edge, online(edge.url, "ada") as client:
        await do(client, words, console)

    assert "join ROOM" in console.file.getvalue()  # type: ignore[attr-defined]


def test_news_are_told_in_one_line_each() -> None:
    assert "connected" in text_of(LinkChanged(LinkState.CONNECTED, session="s"))
    assert "1012" in text_of(LinkChanged(LinkState.LOST, 1012, "restart"))
    assert "ada in lobby is dnd “writing”" in text_of(
        Seen(DiffKind.UPDATE, "ada", Presence(Status.DND, note="writing"), "lobby")
    )
    assert "stale" in text_of(Feed(stale=True))


def test_names_of_others_cannot_colour_the_terminal() -> None:
    assert r"\[red]" in text_of(Seen(DiffKind.JOIN, "[red]", Presence(Status.ONLINE)))
