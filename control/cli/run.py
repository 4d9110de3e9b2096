"""``presence run``: one tier in the foreground, against named servers."""

import sys
from collections.abc import Callable, Coroutine
from typing import Any

import typer

from control.cli.options import ConfigFile, settings_from
from control.settings.model import Settings
from control.told import run_until_told
from presence.telemetry.logs import configure_logs

Run = Callable[[Settings], Coroutine[Any, Any, None]]

_tiers = typer.Typer(no_args_is_help=True, help="Run one tier in the foreground, against named servers.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_tiers, name="run")


@_tiers.command("edge")
def edge(config: ConfigFile = None) -> None:
    """Hold the sockets of clients. Any number may share a port.

    Example:
      PRESENCE_KAFKA=broker-1:9092 PRESENCE_TOKEN_SECRET=… presence run edge
    """
    from control.bootstrap.edge import run_edge  # noqa: PLC0415 - a process loads the tier it runs, and no other

    _run("edge", settings_from(config).settings, run_edge)


@_tiers.command("streams")
def streams(config: ConfigFile = None) -> None:
    """Fold the log into the table of users. Workers share the partitions.

    Example:
      PRESENCE_KAFKA=broker-1:9092 presence run streams
    """
    from control.bootstrap.streams import run_streams  # noqa: PLC0415 - as above

    _run("streams", settings_from(config).settings, run_streams)


@_tiers.command("history")
def history(config: ConfigFile = None) -> None:
    """Write the log into PostgreSQL. Workers share the partitions.

    Example:
      PRESENCE_KAFKA=broker-1:9092 PRESENCE_POSTGRES=postgresql://presence@db-1/presence presence run history
    """
    from control.bootstrap.history import run_history  # noqa: PLC0415 - as above

    _run("history", settings_from(config).settings, run_history)


def _run(tier: str, settings: Settings, run: Run) -> None:
    as_json = settings.log.format == "json" or (settings.log.format == "auto" and not sys.stderr.isatty())
    configure_logs(tier, settings.log.level, as_json=as_json)
    run_until_told(lambda: run(settings))
