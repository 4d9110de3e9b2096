"""Effects carried out, and their results reported back."""

from presence.domain.errors import LogUnavailable
from presence.domain.events import ConnectionLost, Event, SessionClosed
from presence.domain.ids import Millis, UserKey
from presence.ports import Appended
from presence.wire.events import decode_event
from presence.wire.frames import Ack, Bye, Error, Snapshot, Welcome
from tests.support.local_worker import FoldingLog
from tests.support.strung_edge import StrungEdge


class BrokenLog(FoldingLog):
    """A log with a bug, once told so."""

    is_broken = False

    async def append(self, key: UserKey, event: Event, at: Millis) -> Appended:
        """Break."""
        if self.is_broken:
            raise ZeroDivisionError
        return await super().append(key, event, at)


def events(strung: StrungEdge) -> list[Event]:
    return [decode_event(r.value, r.headers) for records in strung.log.partitions for r in records]


async def test_a_hello_is_verified_appended_and_welcomed() -> None:
    strung = StrungEdge().load()
    peer = await strung.peer().upgrade().hello()

    [welcome], code = peer.heard()

    assert isinstance(welcome, Welcome)
    assert code is None
    assert len(events(strung)) == 1
    assert strung.count("sessions") == 1
    assert strung.count("append_seconds_count") == 1


async def test_a_refused_token_and_a_verifier_that_breaks_end_the_connection() -> None:
    strung = StrungEdge().load()
    bad, bug = await strung.peer().upgrade().hello("bad"), await strung.peer().upgrade().hello("bug")

    assert bad.heard()[1] == 4501
    assert bug.heard()[1] == 1011
    assert strung.count("crashes_total") == 1


async def test_an_append_that_is_not_acknowledged_is_an_error_and_counted() -> None:
    strung = StrungEdge().load()
    peer = await strung.peer().upgrade().hello()
    peer.heard()
    strung.log.available = False
    peer.say('{"t":"join","id":"1","room":"r"}')
    await strung.settle()

    [error], code = peer.heard()

    assert isinstance(error, Error)
    assert (error.code, code) == ("log_unavailable", None)
    assert strung.count("append_failures_total") == 1
    assert strung.count("errors_total", code="log_unavailable") == 1


async def test_a_log_that_breaks_ends_the_connection_and_not_the_edge() -> None:
    log = BrokenLog()
    strung = StrungEdge(log).load()
    peer = await strung.peer().upgrade().hello()
    peer.heard()
    log.is_broken = True
    peer.say('{"t":"join","id":"1","room":"r"}')
    await strung.settle()

    [bye], code = peer.heard()

    assert isinstance(bye, Bye)
    assert (bye.code, code) == (1011, 1011)
    assert strung.count("crashes_total") >= 1


async def test_watching_is_answered_and_stops_when_asked() -> None:
    strung = StrungEdge().load()
    peer = await strung.peer().upgrade().hello()
    peer.heard()
    peer.say('{"t":"watch","id":"1","users":["bob"]}')
    peer.say('{"t":"unwatch","id":"2","users":["bob"]}')

    [snapshot, ack], _ = peer.heard()

    assert isinstance(snapshot, Snapshot)
    assert ack == Ack("2")
    assert not peer.socket.subscriber.is_watching


async def test_before_the_view_is_loaded_watchers_are_sent_elsewhere() -> None:
    strung = StrungEdge()
    peer = await strung.peer().upgrade().hello()
    peer.heard()
    peer.say('{"t":"unwatch","id":"1","users":["bob"]}')
    peer.say('{"t":"watch","id":"2","users":["bob"]}')

    assert peer.heard()[1] == 1013


async def test_answers_to_who_does_not_read_end_the_connection() -> None:
    strung = StrungEdge().load()
    asking, watching = await strung.peer().upgrade().hello(), await strung.peer().upgrade().hello("bob")
    for peer in (asking, watching):
        peer.transport.unread = strung.edge.config.send_cut + 1
    asking.say('{"t":"ping"}')
    watching.say('{"t":"watch"}')

    assert asking.heard()[1] == watching.heard()[1] == 4003
    await strung.settle()
    assert sum(isinstance(event, ConnectionLost) for event in events(strung)) == 2


async def test_who_lost_its_session_to_another_connection_is_dismissed() -> None:
    strung = StrungEdge().load()
    old = await strung.peer().upgrade().hello()
    [welcome], _ = old.heard()
    assert isinstance(welcome, Welcome)
    new = strung.peer().upgrade()
    new.say(f'{{"t":"hello","token":"alice","session":"{welcome.session}"}}')
    await strung.settle()
    await strung.feed()

    assert old.heard()[1] == 4510
    assert new.heard()[1] is None
    assert strung.count("sessions") == 1


async def test_a_goodbye_that_shows_in_the_feed_before_it_is_acknowledged_is_still_a_goodbye() -> None:
    """The row without the session came first, and the client was told to come back."""
    strung = StrungEdge().load()
    peer = await strung.peer().upgrade().hello()
    peer.heard()
    strung.log.lose_acks = True
    peer.say('{"t":"goodbye","id":"1"}')
    assert peer.socket.connection.is_leaving
    key = UserKey("acme/alice")
    proof = None
    try:
        own = peer.socket.connection.attachment
        assert own is not None
        session = next(iter(strung.log.state(key).sessions))  # type: ignore[union-attr]
        proof = await strung.log.append(key, SessionClosed("e", session, own.connection, "goodbye"), strung.clock.now())  # type: ignore[arg-type]
    except LogUnavailable:
        await strung.feed()

    assert proof is None
    assert peer.heard() == ([], None)
    strung.log.lose_acks = False
    await strung.settle()
    assert peer.heard() == ([Ack("1")], 1000)
