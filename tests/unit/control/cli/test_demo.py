"""Tests of `control.cli.demo`: the command around the demo."""

import asyncio

import pytest
from pydantic import SecretStr

from control.cli.demo import play
from control.cli.target import Target
from control.client.errors import EdgeUnavailable
from control.demo.plan import Population
from control.settings.model import Settings
from presence.wire.frames import Goodbye, Hello
from tests.support.fake_edge import FakeEdge, fake_edge
from tests.support.until import until

SECRET = SecretStr("a secret of more than thirty-two bytes")
FEW = Population(users=3, rooms=2, rate=30)


def target_of(url: str) -> Target:
    return Target(url, "demo", Settings(token={"secret": SECRET}), None)


async def test_it_ends_by_itself_and_everybody_says_goodbye(capsys: pytest.CaptureFixture[str]) -> None:
    async with fake_edge() as edge:
        await play(target_of(edge.url), FEW, seed=1, within_s=2.5, watch=False)

        assert edge_is_empty(edge)
    shown = capsys.readouterr().out
    assert "3 people" in shown
    assert "everybody says goodbye" in shown


async def test_being_stopped_is_an_end_like_any_other() -> None:
    async with fake_edge() as edge:
        playing = asyncio.create_task(play(target_of(edge.url), FEW, seed=1, within_s=None, watch=True))
        await until(lambda: edge.hellos >= 3)
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing

        assert edge_is_empty(edge)


async def test_no_edge_is_told_once_and_not_by_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    async with fake_edge() as edge:
        url = edge.url

    with pytest.raises(EdgeUnavailable):
        async with asyncio.timeout(20):
            await play(target_of(url), FEW, seed=1, within_s=1, watch=False, connect_s=0.1)


def edge_is_empty(edge: FakeEdge) -> bool:
    """Whether somebody came, and nobody is left."""
    goodbyes = sum(isinstance(frame, Goodbye) for frame in edge.received)
    return not edge.sockets and 1 < goodbyes <= sum(isinstance(frame, Hello) for frame in edge.received)
