"""An edge on a free port of the loopback, with a worker in the same process instead of Kafka and Faust."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from presence.adapters.jwt.config import TokenConfig
from presence.adapters.jwt.tokens import HmacTokenVerifier, sign_token
from presence.adapters.memory.time import SystemClock, UuidSource
from presence.domain.events import Event
from presence.domain.ids import UserKey
from presence.domain.state import UserPresence
from presence.ports import Changelog, TokenVerifier
from presence.telemetry.health import Health
from presence.wire.events import decode_event
from presence.wire.frames import Snapshot, Welcome
from tests.support.local_worker import FoldingLog
from tests.support.raw_socket import RawSocket, upgraded
from tests.support.until import until
from ws_edge.config import EdgeConfig
from ws_edge.edge import EdgePorts
from ws_edge.metrics import EdgeMetrics
from ws_edge.service import CHECKS, run

SECRET = "a secret of the tests, 32 bytes or more"


@dataclass
class RunningEdge:
    """What a test needs of it."""

    log: FoldingLog
    port: int = 0
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    health: Health = field(default_factory=lambda: Health(*CHECKS))
    task: "asyncio.Task[None]" = field(init=False)

    def token(self, user: str, *, tenant: str = "acme", scope: str = "", ttl_s: float = 60.0) -> str:
        """A token that this edge accepts."""
        claims = {"sub": user, "tenant": tenant, "aud": "presence", "scope": scope}
        return sign_token(SECRET, claims, SystemClock().now(), ttl_s)

    def count(self, name: str, **labels: str) -> float:
        """A metric's value now."""
        return self.registry.get_sample_value(f"presence_edge_{name}", labels) or 0.0

    def events(self, user: str | None = None, tenant: str = "acme") -> list[Event]:
        """What is in the log, of one user or of everybody, in the order of each partition."""
        return [
            decode_event(record.value, record.headers)
            for records in self.log.partitions
            for record in records
            if user is None or record.key == f"{tenant}/{user}".encode()
        ]

    def state(self, user: str, tenant: str = "acme") -> UserPresence | None:
        """What the fold says about a user."""
        return self.log.state(UserKey(f"{tenant}/{user}"))

    @asynccontextmanager
    async def client(self, user: str, **hello: Any) -> AsyncIterator[RawSocket]:
        """A client that was welcomed."""
        async with upgraded(self.port, hello.pop("receive_buffer", None)) as socket:
            await self.greet(socket, user, **hello)
            yield socket

    async def greet(self, socket: RawSocket, user: str, **hello: Any) -> Welcome:
        """Say hello; returns the welcome."""
        scope = hello.pop("scope", "")
        tenant = hello.pop("tenant", "acme")
        token = hello.pop("token", None) or self.token(user, scope=scope, tenant=tenant)
        answer = await socket.ask({"t": "hello", "id": "hello", "token": token, **hello})
        assert isinstance(answer, Welcome), answer
        return answer

    async def shows(self, user: str, status: str) -> None:
        """Wait until the edge shows the user so."""
        async with self.client("onlooker") as onlooker:
            async with asyncio.timeout(5):
                while True:
                    seen = await onlooker.ask({"t": "watch", "id": "w", "users": [user]})
                    assert isinstance(seen, Snapshot)
                    if seen.users[user].status == status:
                        return

    async def stop(self) -> None:
        """Stop it as SIGTERM does, and wait until it has drained."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@asynccontextmanager
async def running_edge(
    log: FoldingLog | None = None,
    *,
    tokens: TokenVerifier | None = None,
    changelog: Changelog | None = None,
    **config: Any,
) -> AsyncIterator[RunningEdge]:
    """Run one; settings as `EdgeConfig` has them."""
    edge = RunningEdge(log or FoldingLog())
    ports = EdgePorts(
        edge.log,
        changelog or edge.log.changelog,
        edge.log.nodes,
        tokens or HmacTokenVerifier(TokenConfig(SECRET)),
        SystemClock(),
        UuidSource(),
    )
    settings = EdgeConfig(**({"node": "edge-1", "port": 0, "drain_ms": 2_000} | config))
    listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    metrics = EdgeMetrics(edge.registry)
    edge.task = asyncio.create_task(run(settings, ports, edge.health, metrics, on_listening=listening.set_result))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(edge.stop)
        await asyncio.wait({edge.task, listening}, return_when=asyncio.FIRST_COMPLETED, timeout=5)
        if edge.task.done():
            edge.task.result()
        edge.port = await listening
        await until(lambda: edge.health.is_ready)
        yield edge


@asynccontextmanager
async def undisturbed(edge: RunningEdge) -> AsyncIterator[None]:
    """A bystander who must not notice what happens meanwhile, nor may anything be said in its name."""
    async with edge.client("bystander", rooms=["quiet"]) as bystander:
        assert isinstance(await bystander.ask({"t": "watch", "id": "w", "users": ["bystander"]}), Snapshot)
        said = len(edge.events("bystander"))
        yield
        bystander.send({"t": "ping", "id": "p"})
        heard = await bystander.receive()
        assert heard is not None, bystander.close_code
        assert getattr(heard, "id", None) == "p"
        assert len(edge.events("bystander")) == said
        assert not edge.task.done()
        assert edge.count("crashes_total") == 0
