"""What the feed brings, on its way to those who watch."""

from presence.ports import ChangelogBatch
from presence.wire.frames import Diff, Feed, Resumed, Snapshot
from presence.wire.rows import encode_row
from tests.support.facts import ALICE, folded, opened
from tests.support.strung_edge import Peer, StrungEdge

ROW = ChangelogBatch(0, [(0, ALICE.encode(), encode_row(folded(opened(rooms=["lobby"]))))])


async def watcher(strung: StrungEdge, what: str = '"users":["alice"]') -> Peer:
    peer = await strung.peer().upgrade().hello("bob")
    peer.say(f'{{"t":"watch",{what}}}')
    peer.heard()
    return peer


async def test_rows_become_diffs_and_are_counted() -> None:
    strung = StrungEdge().load()
    peer = await watcher(strung)

    strung.edge.take([ROW])

    [diff], _ = peer.heard()
    assert isinstance(diff, Diff)
    assert strung.count("rows_total") == strung.count("diffs_out_total") == 1
    assert strung.count("bytes_out_total") > 100
    assert strung.count("delivery_seconds_count") == 1


async def test_rows_before_the_view_is_loaded_and_rows_that_change_nothing_send_nothing() -> None:
    strung = StrungEdge()
    assert strung.edge.relay.take([ROW]) == []
    strung.load()

    assert strung.edge.relay.take([ROW]) == []
    assert len(strung.edge.relay.view) == 1


async def test_large_rooms_are_told_at_their_pace() -> None:
    strung = StrungEdge(room_paced_above=0).load()
    strung.edge.relay.take([ROW])
    peer = await watcher(strung, '"rooms":["lobby"]')
    strung.edge.take([ChangelogBatch(0, [(1, ALICE.encode(), None)])])
    assert peer.heard()[0] == []

    strung.edge.relay.pace()

    assert [type(frame) for frame in peer.heard()[0]] == [Diff, Diff]


async def test_before_the_view_is_loaded_there_is_no_pace_and_nobody_is_slow() -> None:
    strung = StrungEdge()
    peer = await strung.peer().upgrade().hello()

    strung.edge.relay.pace()
    strung.edge.relay.set_stale(strung.edge.sockets, stale=True)
    peer.socket.pause_writing()
    peer.socket.resume_writing()

    assert strung.count("slow_connections") == 0


async def test_watchers_are_told_once_that_the_feed_is_stale() -> None:
    strung = StrungEdge().load()
    watching, other = await watcher(strung), await strung.peer().upgrade().hello("carol")
    other.heard()

    for _ in range(2):
        strung.edge.relay.set_stale(strung.edge.sockets, stale=True)

    assert watching.heard()[0] == [Feed(stale=True)]
    assert other.heard()[0] == []
    assert strung.count("stale") == 1


async def test_whoever_resumes_while_the_feed_is_stale_is_told_so() -> None:
    strung = StrungEdge().load()
    strung.edge.relay.set_stale(strung.edge.sockets, stale=True)
    peer = await strung.peer().upgrade().hello()
    peer.heard()
    peer.say('{"t":"resume","position":{"feed":"memory","offsets":{"0":-1,"1":-1}},"users":["bob"]}')
    peer.say('{"t":"resume","position":{"feed":"other","offsets":{}},"users":["bob"]}')

    frames, _ = peer.heard()

    assert [type(frame) for frame in frames] == [Resumed, Feed, Snapshot]
    assert strung.count("resumes_total", outcome="exact") == strung.count("resumes_total", outcome="reset") == 1


async def test_a_slow_watcher_gets_the_net_when_it_reads_again() -> None:
    strung = StrungEdge().load()
    peer = await watcher(strung)
    peer.socket.pause_writing()
    peer.socket.pause_writing()
    strung.edge.take([ROW])
    assert peer.heard()[0] == []
    assert strung.count("slow_connections") == 1

    peer.socket.resume_writing()

    assert [type(frame) for frame in peer.heard()[0]] == [Diff]
    assert strung.count("slow_connections") == 0
