"""``presence up``: everything on this machine, until Ctrl-C."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from control.cli.options import ConfigFile, DataDir, settings_from
from control.cli.screen import Screen
from control.cli.token import DEFAULT_TTL_S, mint
from control.settings.load import Loaded
from control.told import run_until_told
from presence.telemetry.logs import configure_logs

if TYPE_CHECKING:
    from control.up import Up

DEMO_USER = "you"
"""Whose token is printed: nobody of the demo's population."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(command)


def command(
    data_dir: DataDir = None,
    edges: Annotated[int, typer.Option(min=1, max=64, help="Edge processes; they share the port.")] = 1,
    edge_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the WebSockets.")] = None,
    history: Annotated[bool, typer.Option(help="Write the history into PostgreSQL.")] = True,
    kafka: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Use this Kafka, start none.")] = None,
    postgres: Annotated[str | None, typer.Option(metavar="URL", help="Use this PostgreSQL, start none.")] = None,
    valkey: Annotated[str | None, typer.Option(metavar="URL", help="Use this Valkey or Redis, start none.")] = None,
    config: ConfigFile = None,
) -> None:
    """Start everything: Kafka, PostgreSQL, Valkey, topics, schema and all tiers. Ctrl-C stops it in order.

    The first start downloads Kafka (44 MB). Data lives in one directory and survives.

    Examples:
      presence up

      presence up --edges 2 --edge-port 9000 --data-dir /srv/presence
    """
    loaded = settings_from(
        config, data_dir=data_dir, edge__port=edge_port, kafka=kafka, postgres=postgres, valkey=valkey
    )
    # Our own lines tell what happens; the tiers log into files.
    configure_logs("up", "warning", as_json=False)
    run_until_told(lambda: _run(loaded, edges, history))


async def _run(loaded: Loaded, edges: int, history: bool) -> None:
    from control.layout import UpOptions  # noqa: PLC0415 - as below
    from control.up import up  # noqa: PLC0415 - servers' clients take a second that no other command needs

    options = UpOptions(edges, history)
    with Screen() as screen:
        async with up(loaded, options, screen) as running:
            screen.pause()
            _print_summary(loaded, running, screen.seconds)
            await running.watch()


def _print_summary(loaded: Loaded, system: "Up", seconds: float) -> None:
    running = system.running
    console = Console(highlight=False)
    token = mint(loaded.settings, system.secret, running.tenant, DEMO_USER, DEFAULT_TTL_S)
    rows = {
        "WebSocket": running.edge,
        "Postgres": f'psql "{running.postgres}"',
        "Kafka": running.kafka,
        "Valkey": running.valkey,
        **{f"{name}": f"{url}/metrics  {url}/readyz" for name, url in running.telemetry.items()},
        "Logs": f"{loaded.settings.data_dir}/logs/",
        "Token": f"{token}  (user {DEMO_USER}, tenant {running.tenant}, 30 days)",
    }
    where = "" if loaded.settings.data_dir == ".presence" else f" --data-dir {loaded.settings.data_dir}"
    console.print(f"\n[bold green]Presence is up[/] [dim]({seconds:.1f} s)[/]\n")
    for name, text in rows.items():
        console.print(f"  [bold]{escape(name):<10}[/] {escape(text)}", soft_wrap=True)
    console.print(f"\nTry this in a second terminal:  [bold cyan]presence demo --watch{escape(where)}[/]")
    console.print("Ctrl-C here stops everything.\n")
    console.file.flush()
