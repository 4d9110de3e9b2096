"""Ask a server whether it answers, as its clients would. Serves the embedded and the named ones alike."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import asyncpg
import redis.asyncio
import redis.exceptions
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from presence.domain.errors import SetupError

RETRY_S = 0.25
"""Pause between two attempts to reach a named server, which may be starting just now."""

PORT_TIMEOUT_S = 2.0
"""How long one look at a port may take. Local ports answer at once; remote ones within a round trip."""


async def ask_kafka(bootstrap: str) -> None:
    """Fetch the cluster's metadata.

    Raises:
        OSError: nothing answers as Kafka does.
    """
    # The client logs every refusal as an error, so it is tried only when something listens.
    await _knock(bootstrap)
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        await client.bootstrap()
    except KafkaError as exc:
        raise ConnectionError(f"{type(exc).__name__}: {exc}") from exc
    finally:
        await client.close()


async def ask_postgres(url: str) -> None:
    """Connect and close.

    Raises:
        OSError: no database answers there.
    """
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except asyncpg.PostgresError as exc:
        raise ConnectionError(f"{type(exc).__name__}: {exc}") from exc
    except asyncpg.InterfaceError as exc:
        raise ConnectionError(str(exc)) from exc
    await connection.close()


async def ask_valkey(url: str) -> None:
    """Send a PING.

    Raises:
        OSError: no Valkey or Redis answers there.
    """
    client = redis.asyncio.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5)
    try:
        await client.ping()
    except redis.exceptions.RedisError as exc:
        raise ConnectionError(f"{type(exc).__name__}: {exc}") from exc
    finally:
        await client.aclose()


async def require(name: str, address: str, ask: Callable[[str], Awaitable[None]], timeout_s: float) -> None:
    """Ask a named server until it answers.

    Raises:
        SetupError: it does not answer in time.
    """
    why = "it says nothing"
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    return await ask(address)
                except OSError as exc:
                    why = str(exc) or why
                await asyncio.sleep(RETRY_S)
    except (TimeoutError, ValueError) as exc:
        if isinstance(exc, ValueError):
            why = str(exc)
        raise SetupError(
            f"the named {name} at {without_password(address)} did not answer within {timeout_s:g} s: {why}",
            f"Start it, correct its address, or leave {name} out to have an embedded one.",
        ) from exc


def without_password(address: str) -> str:
    """Return the address fit for a message."""
    try:
        password = urlsplit(address).password
    except ValueError:
        return address
    return address.replace(f":{password}@", ":***@") if password else address


async def _knock(bootstrap: str) -> None:
    """Return if any of the addresses is listened at, else raise what the last one said."""
    for address in (addresses := bootstrap.split(",")):
        host, _, port = address.strip().rpartition(":")
        if not port.isdigit():
            raise ValueError(f"{address!r} is not host:port")
        try:
            async with asyncio.timeout(PORT_TIMEOUT_S):
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        except (OSError, TimeoutError):
            if address == addresses[-1]:
                raise
        else:
            writer.close()
            await writer.wait_closed()
            return
