"""Following the changelog: loaded when everything was read, and not before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from presence.domain.ids import UserKey
from presence.wire.rows import encode_row
from tests.support.facts import ALICE, BOB, folded, opened
from tests.support.strung_edge import StrungEdge
from tests.support.until import until
from ws_edge import feed
from ws_edge.feed import CHECK, FeedFollower

ROW = encode_row(folded(opened()))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_RETRY_S", 0.01)
    monkeypatch.setattr(feed, "_LOADING_PROBE_S", 0.001)


def publish(strung: StrungEdge, *keys: UserKey) -> None:
    for key in keys:
        strung.log.changelog.publish(0, key.encode(), ROW)


@asynccontextmanager
async def following(strung: StrungEdge) -> AsyncIterator[FeedFollower]:
    follower = FeedFollower(strung.edge, strung.log.changelog, strung.health)
    tasks = [asyncio.create_task(follower.run()), asyncio.create_task(follower.probe())]
    try:
        yield follower
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_it_is_loaded_when_everything_that_was_there_is_read() -> None:
    strung = StrungEdge()
    publish(strung, ALICE, BOB)

    async with following(strung) as follower:
        await follower.is_loaded.wait()

        assert strung.edge.relay.view.get(ALICE) is not None
        assert strung.edge.relay.view.offsets == {0: 1, 1: -1}
        assert strung.health.report()[CHECK] == "ok"


async def test_an_empty_feed_is_loaded_too() -> None:
    async with following(StrungEdge()) as follower:
        await follower.is_loaded.wait()


async def test_it_goes_on_with_what_comes() -> None:
    strung = StrungEdge()
    async with following(strung) as follower:
        await follower.is_loaded.wait()
        publish(strung, ALICE)

        await until(lambda: strung.edge.relay.view.get(ALICE) is not None)


async def test_a_feed_made_anew_is_read_from_its_beginning() -> None:
    """The positions in the old feed were taken for positions in the new one.

    So it counted as loaded before a single row of it was read, and its rows were then skipped as read.
    """
    strung = StrungEdge()
    publish(strung, ALICE, ALICE, ALICE)
    async with following(strung) as follower:
        await follower.is_loaded.wait()
        strung.log.changelog.create_anew("another")
        publish(strung, BOB)

        await until(lambda: not follower.is_loaded.is_set())
        await follower.is_loaded.wait()

        assert strung.edge.relay.view.get(BOB) is not None
        assert strung.edge.relay.view.get(ALICE) is None


async def test_while_the_changelog_is_away_it_tries_again_and_says_why() -> None:
    strung = StrungEdge()
    strung.log.changelog.available = False
    async with following(strung) as follower:
        await until(lambda: "cannot be followed" in strung.health.report().get(CHECK, ""))
        strung.log.changelog.available = True

        await follower.is_loaded.wait()


async def test_silence_of_kafka_makes_it_stale_and_not_ready_until_it_answers() -> None:
    strung = StrungEdge(probe_ms=5, stale_after_ms=1_000)
    async with following(strung) as follower:
        await follower.is_loaded.wait()
        strung.log.changelog.available = False
        strung.clock.advance(2_000)
        await until(lambda: strung.health.report()[CHECK] == "Kafka does not answer")
        assert strung.edge.relay.hub is not None
        assert strung.edge.relay.hub.is_stale
        strung.log.changelog.available = True

        await until(lambda: strung.health.report()[CHECK] == "ok")
        assert not strung.edge.relay.hub.is_stale


async def test_a_view_that_stands_still_while_kafka_answers_sends_its_connections_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    strung = StrungEdge(probe_ms=2, stale_after_ms=1_000, feed_dead_ms=3_000)
    async with following(strung) as follower:
        await follower.is_loaded.wait()
        peer = strung.peer().upgrade()
        monkeypatch.setattr(strung.log.changelog, "positions", lambda: {0: -1, 1: -1})
        codes: list[int] = []

        def moves() -> bool:
            strung.clock.advance(100)
            codes.extend(code for code in [peer.heard()[1]] if code is not None)
            return bool(codes)

        await until(moves)

        assert codes == [1013]
        assert "ms behind" in strung.health.report()[CHECK]
