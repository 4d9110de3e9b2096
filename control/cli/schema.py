"""``presence topics`` and ``presence migrate``: what must be there before a tier starts."""

import asyncio
from typing import Annotated

import typer

from control.cli.options import ConfigFile, settings_from


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("topics")(topics)
    app.command("migrate")(migrate)


def topics(
    kafka: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Kafka. Default: PRESENCE_KAFKA.")] = None,
    config: ConfigFile = None,
) -> None:
    """Create the topics that are missing; never change one that exists.

    Example:
      presence topics --kafka broker-1:9092
    """
    settings = settings_from(config, kafka=kafka).settings
    from control.bootstrap import parts  # noqa: PLC0415 - the Kafka client takes a moment that other commands need not wait

    asyncio.run(parts.ensure_topics(settings))
    print("topics: ready")


def migrate(
    postgres: Annotated[str | None, typer.Option(metavar="URL", help="Database. Default: PRESENCE_POSTGRES.")] = None,
    config: ConfigFile = None,
) -> None:
    """Bring the database to this build's schema. Forward only, all or nothing.

    Example:
      presence migrate --postgres postgresql://presence@db-1/presence
    """
    settings = settings_from(config, postgres=postgres).settings
    from control.bootstrap import parts  # noqa: PLC0415 - as above

    ran = asyncio.run(parts.migrate(settings))
    for revision in ran:
        print(f"migrated: {revision}")
    if not ran:
        print("schema: current")
