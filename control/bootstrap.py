"""The composition root: builds the adapters that the settings ask for and hands them to the tiers.

Nothing else imports adapters. Every function takes the settings and builds what it needs; whoever wants other
dependencies (a test, another program) calls the tier's own ``run`` with them.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from control.devstack.reach import ask_kafka, ask_postgres, without_password
from control.errors import ServerAway
from control.settings.fields import env_name
from control.settings.model import Settings
from migrations import run as migrations
from presence.adapters.jwt.config import TokenConfig
from presence.adapters.jwt.tokens import sign_token
from presence.adapters.kafka import topics
from presence.domain.errors import SetupError
from presence.ports import Clock
from presence.wire.topics import TopicNames

REACH_WITHIN_S = 10.0
"""How long a start waits for the servers it needs: a broker that restarts at the same time takes some seconds."""

_RETRY_S = 0.25


# --- names and parts ------------------------------------------------------------------------------------------


def topic_names(settings: Settings) -> TopicNames:
    """The topics of this installation."""
    return TopicNames.with_prefix(settings.topics.prefix)


def kafka_address(settings: Settings) -> str:
    """Where Kafka is. Raises `SetupError` when no setting says so."""
    return _named(settings.kafka, "kafka", "host:9092")


def postgres_address(settings: Settings) -> str:
    """Where the history is. Raises `SetupError` when no setting says so."""
    return _named(settings.postgres, "postgres", "postgresql://user@host/presence")


def token_config(settings: Settings) -> TokenConfig:
    """Whose tokens are accepted. Raises `SetupError` when there is no secret."""
    token = settings.token
    if token.secret is None:
        raise SetupError("no secret for tokens is set", f"Set {env_name('token.secret')}, 32 bytes at least.")
    return TokenConfig(token.secret.get_secret_value(), token.audience, token.issuer, token.leeway_ms)


def make_token(settings: Settings, tenant: str, user: str, ttl_s: float, clock: Clock, scope: str = "") -> str:
    """Sign a token as the issuer that these settings trust."""
    config = token_config(settings)
    claims = {"sub": user, "tenant": tenant, "aud": config.audience}
    if config.issuer:
        claims["iss"] = config.issuer
    if scope:
        claims["scope"] = scope
    return sign_token(config.secret, claims, clock.now(), ttl_s)


# --- what must be there before a tier starts -------------------------------------------------------------------


async def ensure_topics(settings: Settings) -> None:
    """Create the topics that are missing. Raises `SetupError`."""
    address = kafka_address(settings)
    await _reach("Kafka", address, lambda: ask_kafka(address))
    await topics.ensure_topics(
        address,
        settings.partitions,
        replication=settings.topics.replication,
        events_retention_ms=settings.topics.events_retention_ms,
        names=topic_names(settings),
    )


async def migrate(settings: Settings) -> list[str]:
    """Bring the database to this build's schema; return the names of the revisions that ran. Raises `SetupError`."""
    address = postgres_address(settings)
    await _reach("PostgreSQL", address, lambda: ask_postgres(address))
    return await migrations.migrate(address)


async def _reach(name: str, address: str, ask: Callable[[], Awaitable[None]]) -> None:
    last: BaseException | None = None
    try:
        async with asyncio.timeout(REACH_WITHIN_S):
            while True:
                try:
                    return await ask()
                except (OSError, TimeoutError) as exc:
                    last = exc
                await asyncio.sleep(_RETRY_S)
    except TimeoutError:
        raise ServerAway(
            f"{name} at {without_password(address)} does not answer ({last or 'no answer in time'})",
            "Check that it runs and that the address is right and reachable from here.",
        ) from last


def _named(address: str | None, name: str, example: str) -> str:
    if address is None:
        raise SetupError(
            f"it is not set where {name} is",
            f"Set {env_name(name)}={example}, or let `presence up` start everything.",
        )
    return address


def host_name() -> str:
    """The machine's name, for names of processes that are not set."""
    return socket.gethostname()
