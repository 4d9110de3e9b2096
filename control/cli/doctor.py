"""``presence doctor``: what works, what does not, and what to do."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from control.cli.exit_codes import ExitCode
from control.cli.options import ConfigFile, DataDir, settings_from

if TYPE_CHECKING:
    from control.doctor.findings import Finding

_SIGNS = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[bold red]fail[/]"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(command)


def command(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of lines.")] = False,
    kafka: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Kafka to look at.")] = None,
    postgres: Annotated[str | None, typer.Option(metavar="URL", help="PostgreSQL to look at.")] = None,
    valkey: Annotated[str | None, typer.Option(metavar="URL", help="Valkey or Redis to look at.")] = None,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Look at everything: servers, topics, lag, schema, tiers, machine. Exit code 1 when something fails.

    Without options it looks at the running `presence up` and at what the settings name.

    Examples:
      presence doctor

      presence doctor --kafka broker-1:9092 --json
    """
    from control.doctor.examine import examine  # noqa: PLC0415 - the servers' clients take a second to load
    from control.doctor.findings import Level, worst  # noqa: PLC0415 - as above

    settings = settings_from(config, data_dir=data_dir, kafka=kafka, postgres=postgres, valkey=valkey).settings
    found = asyncio.run(examine(settings))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
    else:
        _print(found)
    if worst(found) is Level.FAIL:
        raise typer.Exit(ExitCode.CHECK_FAILED)


def _print(found: "list[Finding]") -> None:
    console = Console(highlight=False)
    width = max(len(finding.area) for finding in found)
    for finding in found:
        console.print(
            f"{_SIGNS[finding.level.value]}  {escape(finding.area):<{width}}  {escape(finding.detail)}", soft_wrap=True
        )
        if finding.remedy:
            console.print(f"      {'':<{width}}  [cyan]→ {escape(finding.remedy)}[/]", soft_wrap=True)
