"""What every tier's composition shares: names, addresses, topics, schema, and the wait for Kafka."""

import asyncio
import socket

from control.errors import ServerAway
from control.settings.fields import env_name
from control.settings.model import Settings
from presence.adapters.kafka import topics
from presence.domain.errors import SetupError
from presence.wire.topics import TopicNames

REACH_WITHIN_S = 10.0
"""How long a start waits for the servers it needs: a broker that restarts at the same time takes some seconds."""

_RETRY_S = 0.25


def topic_names(settings: Settings) -> TopicNames:
    """The topics of this installation."""
    return TopicNames.with_prefix(settings.topics.prefix)


def kafka_address(settings: Settings) -> str:
    """Where Kafka is. Raises `SetupError` when no setting says so."""
    return _named(settings.kafka, "kafka", "host:9092")


def postgres_address(settings: Settings) -> str:
    """Where the history is. Raises `SetupError` when no setting says so."""
    return _named(settings.postgres, "postgres", "postgresql://user@host/presence")


async def ensure_topics(settings: Settings) -> None:
    """Create the topics that are missing. Raises `SetupError`."""
    address = kafka_address(settings)
    await reach_kafka(address)
    await topics.ensure_topics(
        address,
        settings.partitions,
        replication=settings.topics.replication,
        events_retention_ms=settings.topics.events_retention_ms,
        names=topic_names(settings),
    )


async def migrate(settings: Settings) -> list[str]:
    """Bring the database to this build's schema; return the names of the revisions that ran. Raises `SetupError`."""
    from migrations.run import migrate as run_migrations  # noqa: PLC0415 - Alembic takes a second, which no tier needs

    return await run_migrations(postgres_address(settings))


async def reach_kafka(address: str, within_s: float = REACH_WITHIN_S) -> None:
    """Wait until any broker takes connections. Raises `ServerAway`."""
    last: BaseException | None = None
    try:
        async with asyncio.timeout(within_s):
            while True:
                for broker in address.split(","):
                    try:
                        return await _knock(broker.strip())
                    except OSError as exc:
                        last = exc
                await asyncio.sleep(_RETRY_S)
    except TimeoutError:
        raise ServerAway(
            f"Kafka at {address} does not answer ({last or 'no answer in time'})",
            f"Check that it runs and that {env_name('kafka')} is right and reachable from here.",
        ) from last


async def _knock(broker: str) -> None:
    host, _, port = broker.rpartition(":")
    if not host or not port.isdigit():
        raise SetupError(
            f"{broker} is no address of a Kafka broker", f"{env_name('kafka')} must be host:port[,host:port]."
        )
    _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    writer.close()


def _named(address: str | None, name: str, example: str) -> str:
    if address is None:
        raise SetupError(
            f"it is not set where {name} is",
            f"Set {env_name(name)}={example}, or let `presence up` start everything.",
        )
    return address


def instance_name(given: str) -> str:
    """The name of a process: the one that was set, or the machine's."""
    return given or socket.gethostname()


def consumer_groups(settings: Settings) -> dict[str, str]:
    """Tier -> its consumer group in Kafka."""
    prefix = settings.topics.prefix
    return {"streams": f"{prefix}presence", "history": f"{prefix}presence-history"}
