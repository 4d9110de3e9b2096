"""The parts of an edge put together."""

import pytest

from presence.domain.ids import NodeEpoch
from presence.wire.frames import Bye
from tests.support.raw_socket import request
from tests.support.strung_edge import StrungEdge
from ws_edge.codes import Code


async def test_connections_are_counted_as_they_come_and_go() -> None:
    strung = StrungEdge().load()
    one, two = strung.peer().upgrade(), strung.peer()
    assert strung.count("connections") == 2

    one.hang_up()
    two.hang_up()

    assert strung.count("connections") == 0
    assert strung.count("closed_total", code="none") == 2
    assert strung.count("opened_total") == 1


@pytest.mark.parametrize(("path", "status"), [("/v1/ws?a=b", 101), ("/v1/w", 404), ("/", 404)])
def test_only_its_path_leads_anywhere(path: str, status: int) -> None:
    peer = StrungEdge().load().peer()
    peer.socket.data_received(request(path=path))

    assert peer.transport.written.startswith(f"HTTP/1.1 {status} ".encode())


def test_an_edge_that_drains_takes_nobody_in() -> None:
    strung = StrungEdge().load()
    strung.edge.is_draining = True
    peer = strung.peer()
    peer.socket.data_received(request())

    assert b" 503 " in peer.transport.written
    assert b"Retry-After: 2" in peer.transport.written
    assert strung.count("refused_total", status="503") == 1


def test_who_says_nothing_is_cut_in_time() -> None:
    strung = StrungEdge().load()
    silent, shaken = strung.peer(), strung.peer().upgrade()

    strung.pass_time(5_500)

    assert silent.transport.ended == "aborted"
    assert shaken.heard()[1] == 4503


def test_who_does_not_answer_a_close_is_cut() -> None:
    strung = StrungEdge().load()
    peer = strung.peer().upgrade()
    strung.edge.close_all(Code.TRY_LATER)
    assert peer.heard()[1] == 1013
    strung.pass_time(1_000)
    assert peer.transport.ended == ""

    strung.pass_time(1_500)

    assert peer.transport.ended == "aborted"


async def test_who_reads_nothing_for_long_is_closed_and_who_reads_slowly_is_not() -> None:
    strung = StrungEdge(slow_ms=1_000).load()
    stuck, slow = await strung.peer().upgrade().hello(), await strung.peer().upgrade().hello("bob")
    for peer in (stuck, slow):
        peer.heard()
        peer.transport.unread = 200_000
        peer.socket.pause_writing()
    assert strung.count("slow_connections") == 2

    slow.transport.unread = 100_000
    strung.pass_time(1_500)

    assert stuck.heard()[1] == 4003
    assert slow.heard()[1] is None
    slow.transport.unread = 0
    slow.socket.resume_writing()
    stuck.hang_up()
    assert strung.count("slow_connections") == 0


async def test_those_who_are_sent_away_come_back_spread_over_time() -> None:
    strung = StrungEdge(retry_spread_ms=1_000).load()
    peers = [strung.peer().upgrade() for _ in range(4)]

    strung.edge.dismiss_all(Code.RESTART)

    waits = sorted(bye.retry_after_ms or 0 for peer in peers for bye in peer.heard()[0] if isinstance(bye, Bye))
    assert waits == [100, 350, 600, 850]


async def test_a_new_life_is_for_new_connections() -> None:
    strung = StrungEdge().load()
    await strung.peer().upgrade().hello()
    strung.edge.begin_life(NodeEpoch(2))
    peer = await strung.peer().upgrade().hello("bob")

    own = peer.socket.connection.attachment
    assert own is not None
    assert own.node_epoch == 2


async def test_a_drain_has_a_last_word_for_those_with_a_session() -> None:
    strung = StrungEdge().load()
    await strung.peer().upgrade().hello()
    strung.peer().upgrade()

    strung.edge.start_drain()
    await strung.settle()

    assert sum(len(records) for records in strung.log.partitions) == 2
    assert strung.count("sessions") == 0


async def test_another_feed_sends_everybody_to_a_new_snapshot() -> None:
    strung = StrungEdge().load()
    peer = await strung.peer().upgrade().hello()
    peer.say('{"t":"watch","users":["bob"]}')
    peer.heard()

    strung.edge.forget_feed()

    assert peer.heard()[1] == 4002
    assert strung.edge.relay.hub is None
    await strung.settle()


def test_what_is_gone_is_not_looked_at_again() -> None:
    strung = StrungEdge().load()
    peer = strung.peer()
    peer.hang_up()
    strung.edge.reschedule(peer.socket)

    strung.pass_time(10_000)

    assert peer.transport.ended == ""
