"""Reach Kafka with patience and a deadline, and say clearly when it cannot be reached."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from presence.domain.errors import SetupError

CONNECT_TIMEOUT_S = 15.0
"""How long a start waits for Kafka. Half: an embedded broker on a slow disk misses it; double: a typo takes longer to
show."""

REQUEST_TIMEOUT_MS = 10_000
"""How long a request may take before its connection counts as broken. Half: a broker in a long pause is given up;
double: after a pulled cable everything stands for twice as long."""

_RETRY_S = 0.25


@asynccontextmanager
async def connect(bootstrap: str, timeout_s: float = CONNECT_TIMEOUT_S) -> AsyncIterator[AIOKafkaClient]:
    """Yield a connected client. Raises `SetupError` when that fails for ``timeout_s``."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap, client_id="presence", request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await until_connected(client.bootstrap, bootstrap, timeout_s)
        yield client
    finally:
        await client.close()


async def until_connected(
    start: Callable[[], Awaitable[None]], bootstrap: str, timeout_s: float = CONNECT_TIMEOUT_S
) -> None:
    """Call ``start`` until it succeeds. Raises `SetupError` when that fails for ``timeout_s``."""
    last: BaseException | None = None
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    return await start()
                except (KafkaError, OSError) as exc:
                    last = exc
                await asyncio.sleep(_RETRY_S)
    except TimeoutError as exc:
        raise unreachable(bootstrap, last or exc) from exc


def unreachable(bootstrap: str, cause: BaseException) -> SetupError:
    """The error for a Kafka that does not answer."""
    return SetupError(
        f"Kafka at {bootstrap} does not answer ({str(cause) or type(cause).__name__})",
        "Check that the broker runs and that the address is right and reachable from here.",
    )
