"""``presence settings``: what is in effect and where it came from; or the reference."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from control.cli.options import ConfigFile, settings_from
from control.settings.table import effective, reference


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("settings")(command)


def command(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/reference/settings.md instead.")] = False,
    config: ConfigFile = None,
) -> None:
    """Print every setting in effect and where it came from. Secrets are masked.

    Examples:
      presence settings

      PRESENCE_EDGE_PORT=9000 presence settings --config production.toml
    """
    if markdown:
        print(reference(), end="")
        return
    loaded = settings_from(config)
    console = Console(highlight=False)
    rows = effective(loaded)
    if not console.is_terminal:
        for row in rows:
            print("\t".join(row))
        return
    table = Table("setting", "value", "from", box=None)
    for name, value, origin in rows:
        table.add_row(name, value, origin, style=None if origin != "default" else "dim")
    console.print(table)
    if loaded.file:
        console.print(f"\nfile: {loaded.file}")
