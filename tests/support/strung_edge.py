"""An edge without an event loop's network: sockets on strings, a clock moved by hand, tasks run when told to."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from prometheus_client import CollectorRegistry

from presence.adapters.memory.time import CountingIds, FakeClock
from presence.domain.errors import InvalidToken
from presence.domain.ids import Millis, NodeEpoch, TenantId, UserId
from presence.ports import Claims
from presence.telemetry.health import Health
from presence.wire.frames import ServerFrame
from tests.support.local_worker import FoldingLog
from tests.support.raw_socket import CLOSE, TEXT, frame, request
from tests.support.watching import unframed
from ws_edge.config import EdgeConfig
from ws_edge.edge import Edge, EdgePorts
from ws_edge.metrics import EdgeMetrics
from ws_edge.socket import Socket


class NamesAsTokens:
    """A token is the name of its user; ``bad`` is none, and ``bug`` breaks the verifier."""

    async def verify(self, token: str, now: Millis) -> Claims:
        """See the port."""
        if token == "bad":
            raise InvalidToken("malformed")
        return Claims(TenantId("acme"), UserId(token), expires_at=Millis(now // (token != "bug") + 10**9))


class FakeTransport(asyncio.Transport):
    """Keeps what is written; ``unread`` is what the peer has not taken."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.unread = 0
        self.ended = ""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.unread

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limits = (high, low)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = "eof"

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"


class Peer:
    """One socket of the edge and the other end of it."""

    def __init__(self, strung: "StrungEdge") -> None:
        self._strung = strung
        self.socket = Socket(strung.edge)
        self.transport = FakeTransport()
        self.socket.connection_made(self.transport)

    def upgrade(self) -> "Peer":
        """Shake hands."""
        self.socket.data_received(request())
        assert self.transport.written.startswith(b"HTTP/1.1 101 ")
        self.transport.written.clear()
        return self

    async def hello(self, user: str = "alice") -> "Peer":
        """Say hello and be welcomed."""
        self.say(f'{{"t":"hello","id":"h","token":"{user}"}}')
        await self._strung.settle()
        return self

    def say(self, text: str) -> None:
        """Send a text message."""
        self.socket.data_received(frame(TEXT, text.encode()))

    def hang_up(self) -> None:
        """Be gone."""
        self.socket.connection_lost(None)

    def heard(self) -> tuple[list[ServerFrame], int | None]:
        """The messages and the close code that came since this was asked last."""
        data, frames, code = bytes(self.transport.written), [], None
        self.transport.written.clear()
        while data:
            opcode, size = data[0] & 0x0F, data[1]
            head = 4 if size == 126 else 10 if size == 127 else 2
            size = int.from_bytes(data[2:head], "big") if head > 2 else size
            whole, data = data[: head + size], data[head + size :]
            if opcode == TEXT:
                frames.append(unframed(whole))
            elif opcode == CLOSE:
                code = int.from_bytes(whole[head : head + 2], "big")
        return frames, code


class StrungEdge:
    """The edge and all that it needs."""

    def __init__(self, log: FoldingLog | None = None, **config: Any) -> None:
        self.log = log or FoldingLog()
        self.clock = FakeClock()
        self.health = Health()
        self.registry = CollectorRegistry()
        self._tasks: list[asyncio.Task[None]] = []
        ports = EdgePorts(self.log, self.log.changelog, self.log.nodes, NamesAsTokens(), self.clock, CountingIds())
        self.edge = Edge(EdgeConfig(node="n1", **config), ports, self.health, EdgeMetrics(self.registry), self._spawn)
        self.edge.begin_life(NodeEpoch(1))

    def load(self) -> "StrungEdge":
        """Have the view loaded, of nothing."""
        for partition in range(len(self.log.changelog.partitions)):
            self.edge.relay.view.advance(partition, -1)
        self.edge.relay.loaded("memory")
        self._following = self.log.changelog.follow()
        return self

    def peer(self) -> Peer:
        """Somebody connects."""
        return Peer(self)

    async def settle(self) -> None:
        """Run what the edge started, and what that started."""
        while self._tasks:
            tasks, self._tasks = self._tasks, []
            await asyncio.gather(*tasks)

    async def feed(self) -> None:
        """Read the rows that were published."""
        self.edge.take(await anext(self._following))

    def pass_time(self, ms: int) -> None:
        """Time passes, and the edge looks at what is due."""
        self.clock.advance(ms)
        self.edge.sweep()

    def count(self, name: str, **labels: str) -> float:
        """A metric's value now."""
        return self.registry.get_sample_value(f"presence_edge_{name}", labels) or 0.0

    def _spawn(self, work: Coroutine[Any, Any, None]) -> object:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.append(task)
        return task
