"""Rows W of the bad-input table: whatever bytes come, the right close code, and nobody else notices."""

import pytest

from presence.domain.events import ConnectionLost, SessionClosed, SessionOpened
from tests.support.raw_socket import BINARY, CLOSE, CONT, PING, PONG, TEXT, frame, header
from tests.support.running_edge import running_edge, undisturbed
from tests.support.until import until

_PING = b'{"t":"ping","id":"x"}'

BAD = [
    ("W1 unmasked", frame(TEXT, _PING, masked=False), 1002),
    ("W2 RSV1 without extension", frame(TEXT, _PING, rsv=4), 1002),
    ("W2 RSV2", frame(TEXT, _PING, rsv=2), 1002),
    ("W2 RSV3", frame(TEXT, _PING, rsv=1), 1002),
    *((f"W3 opcode {opcode:#x}", frame(opcode, _PING), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    ("W4 long ping", frame(PING, bytes(126)), 1002),
    ("W4 fragmented ping", frame(PING, b"x", fin=False), 1002),
    ("W4 fragmented close", frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    ("W5 continuation of nothing", frame(CONT, b"x"), 1002),
    ("W5 text inside a fragmented text", frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), 1002),
    ("W7 too long, by its header", header(TEXT, 70_000), 1009),
    ("W8 too long in fragments", frame(TEXT, bytes(30_000), fin=False) + frame(CONT, bytes(40_000)), 1009),
    ("W9 2^62 bytes", b"\x81\xff" + (1 << 62).to_bytes(8, "big") + bytes(4), 1009),
    ("W9 2^63 bytes", b"\x81\xff" + (1 << 63).to_bytes(8, "big") + bytes(4), 1009),
    ("W11 close of one byte", frame(CLOSE, b"\x03"), 1002),
    *((f"W11 close with {code}", frame(CLOSE, code.to_bytes(2, "big")), 1002) for code in (999, 1005, 1006, 5000)),
    ("W12 close reason not UTF-8", frame(CLOSE, b"\x03\xe8\xff"), 1007),
    ("W16 binary", frame(BINARY, _PING), 1003),
    ("W16 fragmented binary", frame(BINARY, _PING, fin=False) + frame(CONT, _PING), 1003),
    ("text not UTF-8", frame(TEXT, b'{"t":"\xff"}'), 1007),
    ("half a character", frame(TEXT, b'"\xe2\x82"'), 1007),
]


@pytest.mark.parametrize(("sent", "code"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
async def test_a_frame_that_cannot_be_ends_the_connection_and_leaves_the_session_its_grace(
    sent: bytes, code: int
) -> None:
    async with running_edge() as edge, undisturbed(edge), edge.client("mallory") as socket:
        socket.write(sent)

        assert await socket.until_closed() == code
        await until(lambda: edge.count("closed_total", code=str(code)) == 1)
        await until(lambda: len(edge.events("mallory")) == 2)
        assert [type(event) for event in edge.events("mallory")] == [SessionOpened, ConnectionLost]


@pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x03\xe8bye"], ids=["empty", "1000", "1000 with a reason"])
async def test_w13_a_clean_close_ends_the_session_at_once(payload: bytes) -> None:
    async with running_edge() as edge, undisturbed(edge), edge.client("alice") as socket:
        socket.write(frame(CLOSE, payload))

        assert await socket.until_closed() == (1000 if payload else 1005)
        await until(lambda: isinstance(edge.events("alice")[-1], SessionClosed))
        await edge.shows("alice", "offline")


@pytest.mark.parametrize("code", [1001, 4999])
async def test_a_close_for_another_reason_leaves_the_session_its_grace(code: int) -> None:
    async with running_edge() as edge, edge.client("alice") as socket:
        socket.write(frame(CLOSE, code.to_bytes(2, "big")))

        assert await socket.until_closed() == code
        await until(lambda: isinstance(edge.events("alice")[-1], ConnectionLost))
        await edge.shows("alice", "online")


async def test_w14_data_after_a_close_is_ignored() -> None:
    async with running_edge() as edge, undisturbed(edge), edge.client("alice") as socket:
        socket.write(frame(CLOSE, b"\x03\xe8") + frame(TEXT, b'{"t":"join","room":"late"}'))

        await socket.until_closed()
        await until(lambda: len(edge.events("alice")) == 2)
        assert [type(event) for event in edge.events("alice")] == [SessionOpened, SessionClosed]


@pytest.mark.parametrize(
    "sent", [b"", frame(TEXT, _PING)[:9], frame(TEXT, b"{", fin=False)], ids=["between", "in", "after"]
)
async def test_w15_an_end_in_the_middle_leaves_the_session_its_grace(sent: bytes) -> None:
    async with running_edge() as edge, undisturbed(edge), edge.client("alice") as socket:
        socket.write(sent)
        socket.writer.write_eof()

        await socket.until_closed()
        await until(lambda: len(edge.events("alice")) == 2)
        assert isinstance(edge.events("alice")[-1], ConnectionLost)


async def test_w20_pongs_that_nobody_asked_for_are_counted() -> None:
    async with running_edge() as edge, undisturbed(edge), edge.client("alice") as socket:
        socket.write(frame(PONG, b"?") * 30)
        answer = await socket.ask({"t": "ping", "id": "1"})

        assert answer is not None
        assert edge.count("pongs_total") == 30
        assert edge.count("errors_total", code="rate_limited") == 0


async def test_a_text_in_fragments_is_one_message_with_a_ping_in_between() -> None:
    async with running_edge() as edge, edge.client("alice") as socket:
        socket.write(frame(TEXT, _PING[:5], fin=False) + frame(PING, b"hi") + frame(CONT, _PING[5:]))
        answer = await socket.receive()

        assert getattr(answer, "id", None) == "x"


async def test_the_largest_message_is_taken_and_one_byte_more_is_not() -> None:
    async with running_edge() as edge, edge.client("alice") as socket:
        exact = _PING + b" " * (64 * 1024 - len(_PING))
        socket.send(exact)
        assert getattr(await socket.receive(), "id", None) == "x"

        socket.send(exact + b" ")
        assert await socket.until_closed() == 1009
