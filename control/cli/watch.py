"""``presence watch``: a live table of people and rooms; JSON lines when nobody looks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.live import Live

from control.cli.options import ConfigFile, DataDir, EdgeUrl, Tenant, Token, settings_from
from control.cli.render import picture
from control.cli.target import Target, find_target
from control.client.client import PresenceClient
from control.client.news import Identity, LinkChanged, LinkState, News
from control.client.online import online
from control.client.store import Seen
from control.demo.names import ROOMS, USERS
from control.told import run_until_told
from presence.adapters.memory.time import SystemClock
from presence.domain.errors import PresenceError
from presence.domain.status import Status
from presence.wire.frames import Feed, Snapshot

WATCHER = "watcher"
"""Who watches when nobody is named."""

REDRAW_S = 0.25
"""Longest pause between two pictures: ages change once a second."""

PICTURES_PER_S = 10
"""Most pictures a second, however much happens: more cannot be seen, and terminals are slow."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("watch")(command)


def command(  # noqa: PLR0913 - options of a command
    *,
    user: Annotated[list[str] | None, typer.Option(help="Watch this user; may be repeated.")] = None,
    room: Annotated[list[str] | None, typer.Option(help="Watch this room; may be repeated.")] = None,
    all_demo: Annotated[bool, typer.Option("--all-demo", help="Watch everybody of `presence demo`.")] = False,
    as_user: Annotated[str, typer.Option("--as", metavar="USER", help="Who watches.")] = WATCHER,
    once: Annotated[bool, typer.Option("--once", help="Print the snapshot and end.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON lines, on a terminal too.")] = False,
    url: EdgeUrl = None,
    token: Token = None,
    tenant: Tenant = None,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Watch people come and go: a live table, or JSON lines when the output is no terminal.

    Reconnects and resumes by itself. Without --user and --room it watches the room `lobby`.

    Examples:
      presence watch --room lobby

      presence watch --user ada --user grace | jq .
    """
    users, rooms = set(user or ()), set(room or ())
    if all_demo:
        users |= set(USERS)
        rooms |= set(ROOMS)
    if not users and not rooms:
        rooms.add(ROOMS[0])
    target = find_target(settings_from(config, data_dir=data_dir).settings, url, token, tenant)
    console = Console()
    as_lines = json or once or not console.is_terminal
    run_until_told(
        lambda: (
            lines(target, as_user, users, rooms, once) if as_lines else table(target, as_user, users, rooms, console)
        )
    )


async def lines(target: Target, as_user: str, users: set[str], rooms: set[str], once: bool) -> None:
    """Print what happens, one JSON object a line."""

    def tell(news: News) -> None:
        print(msgspec.json.encode(line_of(news)).decode(), flush=True)

    async with watching(target, as_user, users, rooms, tell) as client:
        if not once:
            await client.ended


async def table(target: Target, as_user: str, users: set[str], rooms: set[str], console: Console) -> None:
    """Draw what is known, as it changes."""
    link = "connecting"
    changed = asyncio.Event()
    clock = SystemClock()

    def tell(news: News) -> None:
        nonlocal link
        if isinstance(news, LinkChanged):
            link = describe_link(news, target.url)
        changed.set()

    async with watching(target, as_user, users, rooms, tell) as client:
        with Live(console=console, auto_refresh=False, screen=True) as live:
            while not client.ended.done():
                live.update(picture(client.store, link, clock.now(), console.height), refresh=True)
                changed.clear()
                await asyncio.sleep(1 / PICTURES_PER_S)
                try:
                    async with asyncio.timeout(REDRAW_S):
                        await changed.wait()
                except TimeoutError:
                    continue
        await client.ended


@asynccontextmanager
async def watching(
    target: Target,
    as_user: str,
    users: set[str],
    rooms: set[str],
    tell: Callable[[News], None],
    connect_s: float = 10.0,
) -> AsyncIterator[PresenceClient]:
    """Be online as a watcher whom nobody sees, and watch."""
    async with online(
        target.url, target.token_of(as_user), Identity(device="watch"), tell, connect_s=connect_s
    ) as client:
        if target.given_token is None:
            # Who only looks is not there. With a token that was given this would hide a real user.
            await client.set_status(Status.INVISIBLE)
        await client.watch(users, rooms)
        try:
            yield client
        finally:
            with suppress(PresenceError):
                await client.goodbye()


def line_of(news: News) -> dict[str, Any]:
    """One line of the output for programs (docs/reference/cli.md)."""
    match news:
        case Snapshot():
            return {"t": "snapshot", "users": news.users, "rooms": news.rooms, "stale": news.stale}
        case Seen():
            where = {} if news.room is None else {"room": news.room}
            return {"t": news.kind.value, "user": news.user, **where, "presence": news.presence}
        case Feed():
            return {"t": "feed", "stale": news.stale}
        case LinkChanged():
            code = {} if news.close_code is None else {"code": news.close_code, "reason": news.reason}
            return {"t": "link", "state": news.state.value, **code}


def describe_link(news: LinkChanged, url: str) -> str:
    """How the link stands, in words."""
    if news.state is LinkState.CONNECTED:
        return f"{url}  connected"
    return f"{url}  lost ({news.close_code} {news.reason}), trying again in {news.delay_ms} ms"
