"""Rows H of the bad-input table: what is not a handshake gets the right answer, and nobody else notices."""

import asyncio

import pytest

from tests.support.raw_socket import request, tcp
from tests.support.running_edge import running_edge, undisturbed
from tests.support.until import until

_LONG = "x" * 9_000

ANSWERED = [
    ("POST", request(method="POST"), 405, {"allow": "GET"}),
    ("PUT", request(method="PUT"), 405, {}),
    ("HTTP/1.0", request(version="HTTP/1.0"), 505, {}),
    ("no upgrade", request(upgrade=None), 426, {"upgrade": "websocket"}),
    ("upgrade to h2c", request(upgrade="h2c"), 426, {"upgrade": "websocket"}),
    ("connection keep-alive", request(connection="keep-alive"), 426, {}),
    ("no key", request(sec_websocket_key=None), 400, {}),
    ("key of four bytes", request(sec_websocket_key="AAAAAA=="), 400, {}),
    ("key that is not base64", request(sec_websocket_key="?" * 24), 400, {}),
    ("version 8", request(sec_websocket_version="8"), 426, {"sec-websocket-version": "13"}),
    ("no version", request(sec_websocket_version=None), 426, {"sec-websocket-version": "13"}),
    ("no subprotocol", request(sec_websocket_protocol=None), 400, {}),
    ("another subprotocol", request(sec_websocket_protocol="graphql-ws"), 400, {}),
    ("another origin", request(origin="https://evil.example"), 403, {}),
    ("origin null", request(origin="null"), 403, {}),
    ("our origin as a prefix", request(origin="https://app.example.evil.io"), 403, {}),
    ("our origin by another scheme", request(origin="http://app.example"), 403, {}),
    ("our origin at another port", request(origin="https://app.example:444"), 403, {}),
    ("long request line", request(path=f"/v1/ws?{_LONG}"), 414, {}),
    ("long header", request(cookie=_LONG), 431, {}),
    ("too many headers", request(**{f"X-{n}": "1" for n in range(130)}), 431, {}),
    ("another path", request(path="/"), 404, {}),
    ("path with a tail", request(path="/v1/ws/more"), 404, {}),
]
SILENTLY_CLOSED = [
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("garbage line", b"\x00\x01\x02\x03\r\n\r\n"),
    ("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n"),
    ("body in a GET", request(content_length="5") + b"hello"),
    ("chunked GET", request(transfer_encoding="chunked")),
]
ORIGINS = ("https://app.example", None)


@pytest.mark.parametrize(("sent", "status", "headers"), [row[1:] for row in ANSWERED], ids=[row[0] for row in ANSWERED])
async def test_a_handshake_that_cannot_be_is_answered(sent: bytes, status: int, headers: dict[str, str]) -> None:
    async with running_edge(origins=ORIGINS) as edge, undisturbed(edge):
        async with tcp(edge.port) as socket:
            socket.write(sent)
            got, fields = await socket.response()

        assert got == status
        assert headers.items() <= fields.items()
        await until(lambda: edge.count("connections") == 1)


@pytest.mark.parametrize("sent", [row[1] for row in SILENTLY_CLOSED], ids=[row[0] for row in SILENTLY_CLOSED])
async def test_what_is_no_handshake_is_closed(sent: bytes) -> None:
    async with running_edge() as edge, undisturbed(edge):
        async with tcp(edge.port) as socket:
            socket.write(sent)
            status, _ = await socket.response()

        assert status in {0, 400}
        await until(lambda: edge.count("closed_total", code="none") == 1)


async def test_refused_handshakes_are_counted_by_status() -> None:
    async with running_edge() as edge, tcp(edge.port) as socket:
        socket.write(request(path="/"))
        await socket.response()

        await until(lambda: edge.count("refused_total", status="404") == 1)


@pytest.mark.parametrize("origin", ["https://app.example", None])
async def test_our_own_pages_and_programs_without_origin_may_come(origin: str | None) -> None:
    async with running_edge(origins=ORIGINS) as edge, tcp(edge.port) as socket:
        socket.write(request(origin=origin))
        status, fields = await socket.response()

        assert status == 101
        assert fields["sec-websocket-protocol"] == "presence.v1"


@pytest.mark.parametrize("offer", ["permessage-deflate", "permessage-deflate; server_max_window_bits=99"])
async def test_an_offer_to_compress_is_not_taken(offer: str) -> None:
    async with running_edge() as edge, tcp(edge.port) as socket:
        socket.write(request(sec_websocket_extensions=offer))
        status, fields = await socket.response()

        assert status == 101
        assert "sec-websocket-extensions" not in fields


async def test_a_connection_that_says_nothing_is_cut() -> None:
    async with running_edge(hello_ms=200) as edge, undisturbed(edge), tcp(edge.port) as socket:
        async with asyncio.timeout(2):
            assert await socket.reader.read() == b""


async def test_an_edge_that_is_not_ready_says_when_to_come_back() -> None:
    async with running_edge() as edge, tcp(edge.port) as socket:
        edge.health.fail("feed", "told so by the test")
        socket.write(request())
        status, fields = await socket.response()

        assert (status, fields["retry-after"]) == (503, "2")
