"""Which connections hold which user's sessions."""

from prometheus_client import CollectorRegistry

from tests.support.facts import ALICE, folded, opened
from tests.support.strung_edge import StrungEdge
from ws_edge.codes import Code
from ws_edge.holders import Holders
from ws_edge.metrics import EdgeMetrics


def made() -> tuple[Holders, CollectorRegistry]:
    registry = CollectorRegistry()
    return Holders(EdgeMetrics(registry)), registry


async def test_a_holder_is_counted_until_it_is_released_once() -> None:
    holders, registry = made()
    strung = StrungEdge().load()
    peer, stranger = await strung.peer().upgrade().hello(), strung.peer()
    holders.add(ALICE, peer.socket)
    assert registry.get_sample_value("presence_edge_sessions") == 1

    for _ in range(2):
        holders.release(peer.socket)
        holders.release(stranger.socket)

    assert registry.get_sample_value("presence_edge_sessions") == 0
    assert list(holders.deposed(ALICE, None)) == []


async def test_two_devices_of_a_user_are_released_one_by_one() -> None:
    holders, registry = made()
    strung = StrungEdge().load()
    one, two = await strung.peer().upgrade().hello(), await strung.peer().upgrade().hello()
    holders.add(ALICE, one.socket)
    holders.add(ALICE, two.socket)
    holders.release(one.socket)

    assert registry.get_sample_value("presence_edge_sessions") == 1


async def test_whose_session_another_row_gives_to_nobody_is_deposed() -> None:
    holders, _ = made()
    strung = StrungEdge().load()
    peer = await strung.peer().upgrade().hello()
    holders.add(ALICE, peer.socket)

    assert list(holders.deposed(ALICE, folded(opened("another")))) == [(peer.socket, Code.RESTART)]


async def test_who_holds_its_session_by_the_fold_is_not_deposed() -> None:
    holders, _ = made()
    strung = StrungEdge().load()
    peer = await strung.peer().upgrade().hello()
    holders.add(ALICE, peer.socket)

    assert list(holders.deposed(ALICE, strung.log.state(ALICE))) == []


async def test_an_opening_that_is_not_yet_acknowledged_is_not_judged() -> None:
    holders, _ = made()
    strung = StrungEdge().load()
    peer = await strung.peer().upgrade().hello()
    holders.add(ALICE, peer.socket)
    peer.socket.opened_offset = None

    assert list(holders.deposed(ALICE, folded(opened("another")))) == []
