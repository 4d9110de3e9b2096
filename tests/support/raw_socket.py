"""A WebSocket client that may break every rule: frames byte by byte, good ones and bad ones."""

import asyncio
import json
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from presence.wire.frames import Bye, ServerFrame, decode_server_frame

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
WITHIN_S = 5.0

UPGRADE = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "presence.v1",
}


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """The bytes of one frame; the mask is zero, so that the payload is readable in a dump."""
    return header(opcode, len(payload), fin=fin, rsv=rsv, masked=masked) + payload


def header(opcode: int, size: int, *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """The head of a frame that says it has ``size`` bytes."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    mask = 0x80 if masked else 0
    if size < 126:
        length = bytes((mask | size,))
    elif size < 65_536:
        length = bytes((mask | 126,)) + size.to_bytes(2, "big")
    else:
        length = bytes((mask | 127,)) + size.to_bytes(8, "big")
    return bytes((first,)) + length + (b"\0\0\0\0" if masked else b"")


def request(path: str = "/v1/ws", method: str = "GET", version: str = "HTTP/1.1", **headers: str | None) -> bytes:
    """A handshake; headers are named with underscores, None leaves one out."""
    named = {name.replace("_", "-").title().replace("Websocket", "WebSocket"): v for name, v in headers.items()}
    fields = {name: value for name, value in (UPGRADE | named).items() if value is not None}
    lines = [f"{method} {path} {version}", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class RawSocket:
    """One TCP connection, upgraded or not."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.close_code: int | None = None
        self.bye: Bye | None = None
        self.answers_pings = True

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    def send(self, message: dict[str, Any] | str | bytes) -> None:
        """Send a text message."""
        text = json.dumps(message) if isinstance(message, dict) else message
        self.write(frame(TEXT, text.encode() if isinstance(text, str) else text))

    async def response(self) -> tuple[int, dict[str, str]]:
        """Read the answer to a handshake; (0, {}) when there is none."""
        try:
            async with asyncio.timeout(WITHIN_S):
                raw = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0, {}
        status, *lines = raw.decode().split("\r\n")
        fields = (line.partition(": ") for line in lines if line)
        return int(status.split()[1]), {name.lower(): value for name, _, value in fields}

    async def receive(self) -> ServerFrame | None:
        """The next message; None when the connection was closed, by `close_code` if the edge said so."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while True:
                    opcode, payload = await self._frame()
                    if opcode == TEXT:
                        message = decode_server_frame(payload)
                        self.bye = message if isinstance(message, Bye) else self.bye
                        return message
                    if opcode == CLOSE:
                        self.close_code = int.from_bytes(payload[:2], "big") if payload else 1005
                        self.write(frame(CLOSE, payload[:2]))
                    if opcode == PING and self.answers_pings:
                        self.write(frame(PONG, payload))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.writer.close()
            return None

    async def ask(self, message: dict[str, Any]) -> ServerFrame:
        """Send a message and wait for the one with its id."""
        self.send(message)
        while True:
            answer = await self.receive()
            if answer is None:
                raise ConnectionError(f"closed with {self.close_code} before the answer to {message['t']}")
            if getattr(answer, "id", None) == message.get("id"):
                return answer

    async def until_closed(self) -> int | None:
        """Read on to the end; the close code, None when there was none."""
        while await self.receive() is not None:
            pass
        return self.close_code

    def abort(self) -> None:
        """Cut the connection without a word."""
        self.writer.transport.abort()

    async def _frame(self) -> tuple[int, bytes]:
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await self.reader.readexactly(8), "big")
        return first & 0x0F, await self.reader.readexactly(size)


@asynccontextmanager
async def tcp(port: int, receive_buffer: int | None = None) -> AsyncIterator[RawSocket]:
    """Connect and say nothing; ``receive_buffer`` bounds what the kernel takes in for a client that does not read."""
    plain = sockets.socket()
    plain.setblocking(False)
    if receive_buffer is not None:
        plain.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, receive_buffer)
    await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=plain, limit=2**24 if receive_buffer is None else 2**10)
    socket = RawSocket(reader, writer)
    try:
        yield socket
    finally:
        socket.abort()


@asynccontextmanager
async def upgraded(port: int, receive_buffer: int | None = None) -> AsyncIterator[RawSocket]:
    """Connect and upgrade."""
    async with tcp(port, receive_buffer) as socket:
        socket.write(request())
        status, _ = await socket.response()
        assert status == 101, status
        yield socket
