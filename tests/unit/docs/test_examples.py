"""The examples in the docs run, and the pages show them as they are."""

import json

import pytest
from websockets.asyncio.server import ServerConnection, serve

from docs.examples import watch_lobby
from presence.domain.status import Status
from presence.domain.views import Presence
from presence.wire.frames import (
    SUBPROTOCOL,
    Bye,
    Changes,
    Diff,
    Hello,
    Position,
    ServerFrame,
    Snapshot,
    Watch,
    decode_client_frame,
    encode_frame,
)
from tests.support.pages import ROOT, all_pages, blocks

POSITION = Position("feed", {0: 1})
ADA = {"ada": Presence(Status.ONLINE)}


def test_every_example_stands_in_a_page_as_it_is() -> None:
    shown = {block.text for page in all_pages() for block in blocks(page) if block.language == "python"}

    for example in (ROOT / "docs/examples").glob("*.py"):
        assert example.read_text(encoding="utf-8") in shown, example.name


async def test_the_client_of_the_readme_prints_who_is_there_who_comes_and_why_it_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers: list[ServerFrame] = [
        Snapshot({}, {"lobby": ADA}, POSITION, stale=False, id="1"),
        Diff({0: 2}, rooms={"lobby": Changes(joins={"bob": Presence(Status.AWAY)})}),
        Bye(1012, "restart"),
    ]
    asked: list[object] = []

    async def edge(socket: ServerConnection) -> None:
        asked.extend([decode_client_frame(await socket.recv()) for _ in range(2)])
        for answer in answers:
            await socket.send(encode_frame(answer).decode())

    async with serve(edge, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL]) as server:  # type: ignore[list-item]
        port = server.sockets[0].getsockname()[1]
        await watch_lobby.main(f"ws://127.0.0.1:{port}", "a token")

    assert asked == [Hello("a token", device="terminal"), Watch("1", rooms=["lobby"])]
    assert capsys.readouterr().out.splitlines() == [
        "here now: ada",
        "joins {'bob': 'away'}",
        str(json.loads(encode_frame(answers[-1]))),
    ]
