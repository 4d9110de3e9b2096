"""Bytes to and from the library's core, messages to and from ours."""

import pytest

from presence.wire.frames import Pong
from tests.support.raw_socket import BINARY, CLOSE, CONT, PING, PONG, TEXT, frame, request
from tests.support.strung_edge import StrungEdge
from ws_edge.codes import Code

PING_TEXT = b'{"t":"ping","id":"x"}'


async def test_a_message_may_come_in_pieces_of_any_size() -> None:
    strung = StrungEdge().load()
    peer = await strung.peer().upgrade().hello()
    peer.heard()
    for byte in frame(TEXT, PING_TEXT):
        peer.socket.data_received(bytes((byte,)))

    [pong], _ = peer.heard()
    assert isinstance(pong, Pong)


async def test_several_messages_may_come_at_once() -> None:
    strung = StrungEdge().load()
    peer = await strung.peer().upgrade().hello()
    peer.heard()
    peer.socket.data_received(frame(TEXT, PING_TEXT) * 3)

    assert len(peer.heard()[0]) == 3


async def test_fragments_are_put_together() -> None:
    strung = StrungEdge().load()
    peer = await strung.peer().upgrade().hello()
    peer.heard()
    for part in (frame(TEXT, PING_TEXT[:4], fin=False), frame(CONT, b"", fin=False), frame(CONT, PING_TEXT[4:])):
        peer.socket.data_received(part)
    peer.socket.data_received(frame(TEXT, PING_TEXT))

    assert len(peer.heard()[0]) == 2
    assert strung.count("frames_in_total") == 3


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(BINARY, b"x"), 1003),
        (frame(BINARY, b"x", fin=False) + frame(CONT, b"y"), 1003),
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"x", masked=False), 1002),
        (frame(CLOSE, b"\x0f\xa0"), 4000),
    ],
)
def test_what_ends_a_connection_ends_it_once(sent: bytes, code: int) -> None:
    peer = StrungEdge().load().peer().upgrade()

    peer.socket.data_received(sent)
    peer.socket.data_received(frame(TEXT, PING_TEXT))

    assert peer.heard()[1] == code


def test_pings_are_answered_and_pongs_counted() -> None:
    strung = StrungEdge().load()
    peer = strung.peer().upgrade()
    peer.socket.data_received(frame(PING, b"hi") + frame(PONG, b"?"))

    assert peer.transport.written == b"\x8a\x02hi"
    assert strung.count("pongs_total") == 1


def test_we_ping_only_who_is_there() -> None:
    peer = StrungEdge().load().peer()
    peer.socket.ping()
    assert peer.transport.written == b""
    peer.upgrade()

    peer.socket.ping()

    assert peer.transport.written == b"\x89\x00"


def test_a_version_that_we_do_not_speak_is_told_which_we_do() -> None:
    peer = StrungEdge().load().peer()
    peer.socket.data_received(request(sec_websocket_version="8"))

    assert b" 426 " in peer.transport.written
    assert b"Sec-WebSocket-Version: 13" in peer.transport.written


def test_after_its_own_close_the_edge_reads_on_until_the_peer_closes() -> None:
    """Closing with unread bytes sends a reset, which destroys what the peer has not read yet."""
    peer = StrungEdge().load().peer().upgrade()
    peer.socket.shut(Code.TRY_LATER, None)
    assert peer.transport.ended == ""

    peer.socket.data_received(frame(CLOSE, b"\x03\xf5"))

    assert peer.transport.ended == "closed"


def test_what_the_library_refuses_is_ended_without_a_reset() -> None:
    peer = StrungEdge().load().peer().upgrade()
    peer.socket.data_received(frame(TEXT, b"x", masked=False))

    assert peer.transport.ended == "eof"


def test_the_end_of_what_the_peer_sends_ends_the_connection() -> None:
    peer = StrungEdge().load().peer().upgrade()

    assert not peer.socket.eof_received()
    assert not peer.socket.eof_received()


def test_nothing_is_written_to_who_is_gone() -> None:
    peer = StrungEdge().load().peer().upgrade()
    peer.hang_up()

    peer.socket.write(b"x")
    peer.socket.ping()
    peer.socket.shut(Code.TRY_LATER, None)
    peer.socket.cut()

    assert (peer.transport.written, peer.transport.ended) == (b"", "")
    assert (peer.socket.buffered, peer.socket.is_open) == (0, False)


def test_an_outbox_is_written_at_once() -> None:
    peer = StrungEdge().load().peer().upgrade()
    assert peer.socket.flush() == 0
    peer.socket.subscriber.outbox.append(b"a")
    assert peer.socket.flush() == 1
    peer.socket.subscriber.outbox += [b"b", b"c"]
    assert peer.socket.flush() == 2

    assert peer.transport.written == b"abc"


def test_writing_is_held_back_from_the_high_water_on() -> None:
    strung = StrungEdge(send_high_water=1_000)

    assert strung.peer().transport.limits == (1_000, 250)
