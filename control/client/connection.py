"""One socket of a client: hello, numbered requests and their answers, everything else handed to a listener."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

import msgspec
from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from control.client.backoff import ABNORMAL, may_retry_handshake
from control.client.errors import ClosedForGood, EdgeUnavailable, Refused
from presence.wire.frames import (
    SUBPROTOCOL,
    Ack,
    Bye,
    ClientFrame,
    Error,
    Goodbye,
    Hello,
    Pong,
    Resumed,
    ServerFrame,
    Snapshot,
    Welcome,
    decode_server_frame,
    encode_frame,
)

Answer = Ack | Snapshot | Resumed | Pong | Welcome
Listener = Callable[[ServerFrame], None]

MAX_SNAPSHOT_BYTES = 64 * 1024 * 1024
"""A snapshot of a very full room still fits; without a limit a broken edge could eat the client's memory."""

ANSWER_S = 15.0
"""How long an answer may take: longer than the edge's own deadline for an acknowledgement by Kafka."""


class Connection:
    """A welcomed connection. Made by `open_connection`."""

    def __init__(self, socket: ClientConnection, url: str, listener: Listener) -> None:
        self._socket = socket
        self._url = url
        self._listener = listener
        self._ids = count(1)
        # One future per request under way; bounded by the callers, who each wait for theirs.
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.close_code = ABNORMAL
        """How it ended, once `wait_closed` returned."""
        self.close_reason = ""
        self.retry_after_ms: int | None = None
        """The least wait that the edge asked for in its farewell."""

    async def request(self, frame: ClientFrame) -> Answer:
        """Send a frame and wait for its answer.

        Raises:
            Refused: the edge refused it.
            EdgeUnavailable: the connection ended before the answer came.
        """
        name = str(next(self._ids))
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[name] = answer
        try:
            await self._socket.send(encode_frame(replace(frame, id=name)).decode())
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except ConnectionClosed as exc:
            raise EdgeUnavailable(self._url, str(exc)) from exc
        except TimeoutError as exc:
            raise EdgeUnavailable(self._url, f"no answer within {ANSWER_S:g} s") from exc
        finally:
            self._waiting.pop(name, None)

    async def goodbye(self) -> None:
        """End the session now: everybody sees it at once. Waits until the edge knows."""
        await self.request(Goodbye())

    def abort(self) -> None:
        """Drop the TCP connection without a word, as a failing network does."""
        self._socket.transport.abort()

    async def wait_closed(self) -> None:
        """Wait for the end of the connection, whoever ends it; `close_code` then tells how."""
        await asyncio.shield(self._closed)

    async def read(self) -> None:
        """Read until the connection ends. Run by `open_connection`."""
        try:
            async for text in self._socket:
                self._receive(decode_server_frame(text))
        except ConnectionClosed:
            pass  # the close code says how, below
        except (msgspec.DecodeError, msgspec.ValidationError) as exc:
            await self._socket.close(1007, "undecodable frame")
            self.close_reason = str(exc)
        finally:
            self._end()

    def _receive(self, frame: ServerFrame) -> None:
        match frame:
            case Error():
                self._answer(frame.id, Refused(frame.code, frame.message, frame.retry))
            case Ack() | Pong() | Welcome():
                self._answer(frame.id, frame)
            case Snapshot() | Resumed():
                # To the store before to the caller: who waits for a watch finds it there.
                self._listener(frame)
                self._answer(frame.id, frame)
                return
            case Bye():
                self.retry_after_ms = frame.retry_after_ms
            case _:
                pass
        self._listener(frame)

    def _answer(self, name: str | None, answer: Answer | Refused) -> None:
        future = self._waiting.get(name or "")
        if future is None or future.done():
            return
        if isinstance(answer, Refused):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    def _end(self) -> None:
        self.close_code = self._socket.close_code or ABNORMAL
        self.close_reason = self.close_reason or self._socket.close_reason or ""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(EdgeUnavailable(self._url, f"closed with {self.close_code} {self.close_reason}"))
        if not self._closed.done():
            self._closed.set_result(None)


@asynccontextmanager
async def open_connection(
    url: str, hello: Hello, listener: Listener, open_s: float = 10.0
) -> AsyncIterator[tuple[Connection, Welcome]]:
    """Connect, say hello and yield the connection and its welcome; close it at the end.

    Raises:
        EdgeUnavailable: nobody answers there, or not in time; another try may succeed.
        Refused: the hello was refused.
        ClosedForGood: the address is no edge of ours, or wants nothing to do with this client.
    """
    socket = await _dial(url, open_s)
    connection = Connection(socket, url, listener)
    reader = asyncio.create_task(connection.read())
    try:
        answer = await connection.request(hello)
        if not isinstance(answer, Welcome):
            raise ClosedForGood(1002, "hello was not answered by welcome")
        yield connection, answer
    finally:
        await socket.close()
        await reader


async def _dial(url: str, open_s: float) -> ClientConnection:
    try:
        return await connect(
            url,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,  # the edge offers none: it encodes once for many
            max_size=MAX_SNAPSHOT_BYTES,
            open_timeout=open_s,
            close_timeout=2,
            proxy=None,  # edges are dialled directly: a proxy in the environment would catch loopback too
        )
    except InvalidStatus as exc:
        status = exc.response.status_code
        if may_retry_handshake(status):
            raise EdgeUnavailable(url, f"HTTP {status}") from exc
        raise ClosedForGood(status, "the handshake was refused") from exc
    except (OSError, TimeoutError, InvalidHandshake, EOFError) as exc:
        raise EdgeUnavailable(url, str(exc) or type(exc).__name__) from exc
