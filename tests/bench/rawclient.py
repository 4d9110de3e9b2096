"""A WebSocket client for load generators: raw frames on asyncio's transports, as little work per frame as can be.

It speaks only what the edge sends: unfragmented, unmasked text, ping and close frames. Anything else is an error.
"""

import asyncio
import base64
import os
from collections.abc import Callable
from typing import cast

Receive = Callable[[bytes, float], None]


class RawClient(asyncio.Protocol):
    """One connection. ``receive(payload, now)`` is called for every text frame, ``now`` in loop seconds."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._buffer = bytearray()
        self._upgraded = False
        self._loop = asyncio.get_running_loop()
        # Set when the upgrade was answered, with the error if it was refused.
        self.ready: asyncio.Future[None] = self._loop.create_future()
        # Set when the connection is gone, to the close code or None.
        self.closed: asyncio.Future[int | None] = self._loop.create_future()
        self._code: int | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self.transport = transport = cast("asyncio.Transport", transport)  # uvloop's are not asyncio's by type
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: presence.v1\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Cut frames out of the stream."""
        self._buffer += data
        if not self._upgraded and not self._finish_upgrade():
            return
        self._cut_frames()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("closed before the upgrade was answered"))
        if not self.closed.done():
            self.closed.set_result(self._code)

    def send(self, payload: bytes) -> None:
        """Send a text frame. The mask is zero: allowed by RFC 6455, and free."""
        self._write(0x81, payload)

    def abort(self) -> None:
        """Cut the connection without a word, as a dead battery does."""
        self.transport.abort()

    def _write(self, first: int, payload: bytes) -> None:
        size = len(payload)
        length = bytes((0x80 | size,)) if size < 126 else bytes((0x80 | 126,)) + size.to_bytes(2, "big")
        self.transport.write(bytes((first,)) + length + b"\0\0\0\0" + payload)

    def _finish_upgrade(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        status = bytes(self._buffer[: self._buffer.find(b"\r\n")])
        if b" 101 " not in status + b" ":
            self.ready.set_exception(ConnectionError(status.decode(errors="replace")))
            self.transport.close()
            return False
        del self._buffer[: end + 4]
        self._upgraded = True
        self.ready.set_result(None)
        return True

    def _cut_frames(self) -> None:
        now = self._loop.time()
        buffer, start, total = self._buffer, 0, len(self._buffer)
        while total - start >= 2:
            opcode, size, head = buffer[start], buffer[start + 1], 2
            if size == 126:
                if total - start < 4:
                    break
                size, head = int.from_bytes(buffer[start + 2 : start + 4], "big"), 4
            elif size == 127:
                if total - start < 10:
                    break
                size, head = int.from_bytes(buffer[start + 2 : start + 10], "big"), 10
            end = start + head + size
            if end > total:
                break
            self._handle(opcode, bytes(buffer[start + head : end]), now)
            start = end
        if start:
            del buffer[:start]

    def _handle(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == 0x81:
            self._receive(payload, now)
        elif opcode == 0x89:
            self._write(0x8A, payload)
        elif opcode == 0x88:
            self._code = int.from_bytes(payload[:2], "big") if payload else 1005
            self._write(0x88, payload[:2])
            self.transport.close()
        elif opcode != 0x8A:
            raise ConnectionError(f"unexpected frame {opcode:#x}")


async def open_raw(host: str, port: int, receive: Receive) -> RawClient:
    """Connect and upgrade."""
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: RawClient(receive), host, port)
    await client.ready
    return client
