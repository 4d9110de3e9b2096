"""One socket: bytes to and from the WebSocket library's sans-I/O core, messages to and from our own.

Our own `asyncio.Protocol` instead of the library's connection object: no task, no queue and no timer per connection,
which is a third of the memory, and diffs that are framed already go straight to the transport.
"""

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from websockets.frames import BINARY, CLOSE, CONT, PING, PONG, TEXT, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import CLOSED, CONNECTING, OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from presence.wire.frames import MAX_FRAME_BYTES, SUBPROTOCOL, Bye
from ws_edge.codes import CLOSE_CODES, Code
from ws_edge.framing import frame_bytes
from ws_edge.interest import Subscriber
from ws_edge.protocol import Connection

if TYPE_CHECKING:
    from ws_edge.edge import Edge

CLOSE_WAIT_MS = 2_000
"""How long a client may take to answer our close frame before its TCP connection is cut."""

# One logger for all: the library's default would tell of every connection that it opened and closed.
_quiet = logging.getLogger("ws_edge.websockets")
_quiet.setLevel(logging.ERROR)
_SUBPROTOCOLS = (Subprotocol(SUBPROTOCOL),)


class Socket(asyncio.Protocol):
    """A connection's shell. Its decisions are `Connection`'s, its deeds go through `Edge`."""

    __slots__ = (
        "_edge", "_opcode", "_parts", "_transport", "_ws", "closing_by", "connection", "opened_offset", "slot",
        "slow_since", "slow_size", "subscriber",
    )  # fmt: skip

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self._ws = ServerProtocol(
            origins=edge.origins, subprotocols=_SUBPROTOCOLS, max_size=MAX_FRAME_BYTES, logger=_quiet
        )
        self._transport: asyncio.Transport | None = None
        self._opcode: Opcode | None = None
        self._parts: bytearray | None = None
        self.subscriber = Subscriber(self)
        self.connection = Connection(edge.home, self.subscriber, edge.now())
        self.opened_offset: int | None = None
        """Where its last `SessionOpened` stands in the log."""
        self.slot = 0
        self.closing_by: int | None = None
        """When to cut a connection that does not answer our close frame."""
        self.slow_since: int | None = None
        self.slow_size = 0

    # --- asyncio.Protocol -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # We listen on TCP. uvloop's transports are none of asyncio's class, so this cannot be asserted.
        self._transport = cast("asyncio.Transport", transport)
        config = self._edge.config
        self._transport.set_write_buffer_limits(high=config.send_high_water, low=config.send_high_water // 4)
        self._edge.connected(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes in."""
        ws = self._ws
        if ws.state is CLOSED:
            return
        now = self._edge.now()
        self._edge.awake(now)
        self.connection.heard(now)
        ws.receive_data(data)
        for event in ws.events_received():
            if isinstance(event, Frame):
                self._on_frame(event)
            elif isinstance(event, Request):
                self._on_request(event)
        self._push()
        if ws.parser_exc is not None or ws.handshake_exc is not None:
            self._failed()

    def eof_received(self) -> bool:
        """The peer will send no more."""
        if self._ws.state is not CLOSED:
            self._ws.receive_eof()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why does not matter: it is gone
        """The TCP connection is gone."""
        self._edge.perform(self, self.connection.lost(self._edge.now(), said_goodbye=False))
        sent = self._ws.close_sent
        self._edge.disconnected(self, sent.code if sent is not None else None)
        self._transport = None

    def pause_writing(self) -> None:
        """The peer reads too slowly: keep its diffs back."""
        self.slow_since = self._edge.now().mono
        self.slow_size = self.buffered
        self._edge.slow_down(self)

    def resume_writing(self) -> None:
        """The peer caught up."""
        self.slow_since = None
        self._edge.catch_up(self)

    # --- what the edge asks -----------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether frames can be sent."""
        return self._ws.state is OPEN and self._transport is not None

    @property
    def buffered(self) -> int:
        """Bytes the peer has not taken."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """Write framed bytes; nothing when closing."""
        if self._transport is not None and self._ws.state is OPEN:
            self._transport.write(data)

    def flush(self) -> int:
        """Write the outbox at once; returns the bytes."""
        outbox = self.subscriber.outbox
        if not outbox:
            return 0
        data = outbox[0] if len(outbox) == 1 else b"".join(outbox)
        outbox.clear()
        self.write(data)
        return len(data)

    def ping(self) -> None:
        """Send a WebSocket ping."""
        if self.is_open:
            self._ws.send_ping(b"")
            self._push()

    def shut(self, code: Code, retry_after_ms: int | None) -> None:
        """Say why, send the close frame, and cut the connection if it is not answered."""
        if self._transport is None:
            return
        if self._ws.state is CONNECTING:
            self._transport.abort()
            return
        if self._ws.state is OPEN:
            meaning = CLOSE_CODES[code]
            if code is not Code.GOODBYE:
                self.write(frame_bytes(Bye(code, meaning.name, retry_after_ms)))
            self._ws.send_close(code, meaning.name)
            self._push()
        self.closing_by = self._edge.now().mono + CLOSE_WAIT_MS

    def cut(self) -> None:
        """End the TCP connection now."""
        if self._transport is not None:
            self._transport.abort()

    # --- inside -----------------------------------------------------------------------------------------------

    def _on_request(self, request: Request) -> None:
        response = self._edge.refusal(self._ws, request) or self._accept(request)
        self._ws.send_response(response)
        self._edge.answered(response.status_code)

    def _accept(self, request: Request) -> Response:
        response = self._ws.accept(request)
        versions = request.headers.get_all("Sec-WebSocket-Version")
        if response.status_code == 400 and versions != ["13"]:
            response = self._ws.reject(426, "This server speaks version 13 of the WebSocket protocol.\n")
            response.headers["Sec-WebSocket-Version"] = "13"
        return response

    def _on_frame(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is TEXT or opcode is BINARY or opcode is CONT:
            self._on_data(frame)
        elif opcode is CLOSE:
            received = self._ws.close_rcvd
            # 1005: a close frame without a code.
            said_goodbye = received is not None and received.code in (1000, 1005)
            self._edge.perform(self, self.connection.lost(self._edge.now(), said_goodbye=said_goodbye))
        elif opcode is PING:
            edge = self._edge
            edge.perform(self, self.connection.pinged(edge.now(), is_backed_up=self.buffered > edge.config.send_cut))
        elif opcode is PONG:
            self._edge.metrics.pongs.inc()

    def _on_data(self, frame: Frame) -> None:
        edge = self._edge
        if frame.opcode is not CONT:
            self._opcode = frame.opcode
            if frame.opcode is BINARY:
                edge.perform(self, self.connection.receive_binary(edge.now()))
                return
        if self._opcode is BINARY:
            return
        if not frame.fin or self._parts is not None:
            # One buffer, not a list: fragments may be empty, and then nothing bounds how many there are.
            self._parts = bytearray() if self._parts is None else self._parts
            self._parts += frame.data
            if not frame.fin:
                return
            data = bytes(self._parts)
            self._parts = None
        else:
            data = bytes(frame.data)
        edge.metrics.frames_in.inc()
        try:
            text = data.decode()
        except UnicodeDecodeError:
            edge.perform(self, self.connection.close(Code.BAD_UTF8, edge.now()))
            return
        edge.perform(self, self.connection.receive(text, edge.now()))

    def _failed(self) -> None:
        """The library refused the handshake or failed the connection: it said so to the client."""
        if self.closing_by is None:
            now = self._edge.now()
            self.closing_by = now.mono + CLOSE_WAIT_MS
            self._edge.perform(self, self.connection.lost(now, said_goodbye=False))

    def _push(self) -> None:
        """Write what the library has to say; an empty piece means that it has nothing more to say at all."""
        transport = self._transport
        if transport is None:
            return
        for data in self._ws.data_to_send():
            if data:
                transport.write(data)
            elif self._ws.close_rcvd is not None or not transport.can_write_eof():
                transport.close()
            else:
                # Read on until the peer closes or its time is over: closing with unread bytes would send a reset,
                # which destroys what the peer has not read yet.
                transport.write_eof()
                self.closing_by = self._edge.now().mono + CLOSE_WAIT_MS
                self._edge.reschedule(self)
