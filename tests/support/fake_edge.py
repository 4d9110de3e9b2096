"""An edge for tests of clients: answers as the protocol says, and does what a test tells it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from presence.domain.views import Presence
from presence.wire.frames import (
    SUBPROTOCOL,
    Ack,
    Changes,
    ClientFrame,
    Error,
    Goodbye,
    Hello,
    Ping,
    Pong,
    Position,
    Resume,
    Resumed,
    ServerFrame,
    Snapshot,
    Timing,
    Unwatch,
    Watch,
    Welcome,
    decode_client_frame,
    encode_frame,
)


class FakeEdge:
    """Everybody's truth is ``users`` and ``rooms``; a test changes them and pushes diffs by hand."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[ClientFrame] = []
        self.users: dict[str, Presence] = {}
        self.rooms: dict[str, dict[str, Presence]] = {}
        self.position = Position("feed-1", {0: 0})
        self.missed = Changes()
        """What a resume brings for watched users."""
        self.refuse: dict[type, Error] = {}
        """Frame type -> the error it is answered with."""
        self.mute: set[type] = set()
        """Frame types that are not answered."""
        self.hellos = 0
        self.sockets: set[ServerConnection] = set()

    async def push(self, frame: ServerFrame) -> None:
        """Send a frame to everybody."""
        for socket in list(self.sockets):
            await socket.send(encode_frame(frame).decode())

    async def push_text(self, text: str) -> None:
        """Send anything to everybody."""
        for socket in list(self.sockets):
            await socket.send(text)

    async def close_all(self, code: int, reason: str = "") -> None:
        """Close every connection."""
        for socket in list(self.sockets):
            await socket.close(code, reason)

    def abort_all(self) -> None:
        """Cut every connection off without a word."""
        for socket in list(self.sockets):
            socket.transport.abort()

    async def _serve(self, socket: ServerConnection) -> None:
        self.sockets.add(socket)
        try:
            async for text in socket:
                frame = decode_client_frame(text)
                self.received.append(frame)
                if type(frame) in self.mute:
                    continue
                await socket.send(encode_frame(self._answer(frame)).decode())
                if isinstance(frame, Goodbye):
                    await socket.close(1000, "goodbye")
        except ConnectionClosed:
            pass
        finally:
            self.sockets.discard(socket)

    def _answer(self, frame: ClientFrame) -> ServerFrame:
        if type(frame) in self.refuse:
            told = self.refuse[type(frame)]
            return Error(told.code, told.message, told.retry, frame.id)
        match frame:
            case Hello():
                self.hellos += 1
                return Welcome(
                    session=frame.session or f"session-{self.hellos}",
                    connection=f"connection-{self.hellos}",
                    tenant="demo",
                    user=frame.token,
                    device=frame.device or "device",
                    node="node",
                    resumed=frame.session is not None,
                    time=0,
                    timing=Timing(25_000, 8_000, 15_000, 300_000),
                    id=frame.id,
                )
            case Watch():
                return self._snapshot(frame)
            case Resume():
                if frame.position.feed != self.position.feed:
                    return self._snapshot(frame, reset=True)
                return Resumed(self.position, frame.id, users=self.missed)
            case Ping():
                return Pong(0, frame.id)
            case Unwatch():
                return Ack(frame.id)
            case _:
                return Ack(frame.id)

    def _snapshot(self, frame: Watch | Resume, reset: bool = False) -> Snapshot:
        users = {user: self.users[user] for user in frame.users}
        rooms = {room: self.rooms.get(room, {}) for room in frame.rooms}
        return Snapshot(users, rooms, self.position, stale=False, id=frame.id, reset=reset)


@asynccontextmanager
async def fake_edge() -> AsyncIterator[FakeEdge]:
    """Run one on a free port."""
    edge = FakeEdge()
    async with serve(edge._serve, "127.0.0.1", 0, subprotocols=[Subprotocol(SUBPROTOCOL)], compression=None) as server:
        edge.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/ws"
        yield edge
