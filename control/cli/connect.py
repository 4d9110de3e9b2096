"""``presence connect``: be a user, from a terminal."""

import asyncio
import shlex
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from control.cli.options import ConfigFile, DataDir, EdgeUrl, Tenant, Token, settings_from
from control.cli.target import Target, find_target
from control.cli.token import seconds
from control.client.client import PresenceClient
from control.client.news import Identity, LinkChanged, LinkState, News
from control.client.online import online
from control.client.store import Seen
from control.told import run_until_told
from presence.domain.errors import InvalidField, PresenceError
from presence.domain.status import Activity, Status
from presence.wire.frames import Feed, Snapshot

HELP = """join ROOM · leave ROOM · active · idle · busy · watch ROOM
status online|away|busy|dnd|invisible [FOR] [NOTE…] · clear · drop (cut the network) · quit"""

_LINES = 100
"""Typed lines that may wait; more wait in the terminal."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("connect")(command)


def command(  # noqa: PLR0913 - options of a command
    *,
    user: Annotated[str, typer.Option(help="Who to be.")],
    room: Annotated[list[str] | None, typer.Option(help="Join this room and watch it; may be repeated.")] = None,
    device: Annotated[str, typer.Option(help="What is held in the hand.")] = "terminal",
    status: Annotated[Status | None, typer.Option(help="Set the own status at once.")] = None,
    idle: Annotated[bool, typer.Option("--idle", help="Be there without doing anything.")] = False,
    url: EdgeUrl = None,
    token: Token = None,
    tenant: Tenant = None,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Be a user: online until Ctrl-C, which says goodbye. Type `help` for what can be done meanwhile.

    Examples:
      presence connect --user ada --room lobby

      presence connect --user ada --device phone --status dnd
    """
    target = find_target(settings_from(config, data_dir=data_dir).settings, url, token, tenant)
    identity = Identity(device, tuple(room or ()), activity=Activity.IDLE if idle else Activity.ACTIVE)
    run_until_told(lambda: _be(target, user, identity, status))


async def _be(target: Target, user: str, identity: Identity, status: Status | None) -> None:
    console = Console(highlight=False)

    def tell(news: News) -> None:
        console.print(text_of(news), soft_wrap=True)

    async with online(target.url, target.token_of(user), identity, tell) as client:
        if identity.rooms:
            await client.watch(rooms=identity.rooms)
        if status is not None:
            await client.set_status(status)
        talk = asyncio.create_task(_talk(client, console))
        try:
            await asyncio.wait({talk, client.ended}, return_when=asyncio.FIRST_COMPLETED)
            if client.ended.done():
                await client.ended
        finally:
            talk.cancel()
            await asyncio.wait({talk})
            with suppress(PresenceError):
                await client.goodbye()
                console.print("goodbye")


async def _talk(client: PresenceClient, console: Console) -> None:
    """Do what is typed until quit."""
    lines: asyncio.Queue[str | None] = asyncio.Queue(_LINES)
    # A thread, because a loop can wait for pipes and terminals but not for files. It ends with the process.
    threading.Thread(target=_read_lines, args=(asyncio.get_running_loop(), lines), daemon=True).start()
    while (line := await lines.get()) is not None:
        try:
            words = shlex.split(line)
        except ValueError as exc:
            console.print(f"[red]{escape(str(exc))}[/]")
            continue
        if words[:1] == ["quit"]:
            return
        try:
            await do(client, words, console)
        except PresenceError as exc:
            console.print(f"[red]{escape(str(exc))}[/]")
    if not sys.stdin.isatty():
        # A script that piped its commands in stays online until it is told to stop.
        await asyncio.get_running_loop().create_future()


def _read_lines(loop: asyncio.AbstractEventLoop, lines: "asyncio.Queue[str | None]") -> None:
    with suppress(RuntimeError):  # the loop is closed: the process ends
        for line in sys.stdin:
            asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()
        asyncio.run_coroutine_threadsafe(lines.put(None), loop)


async def do(client: PresenceClient, words: Sequence[str], console: Console) -> None:
    """Do one typed command. Raises `PresenceError` when it is refused."""
    match words:
        case []:
            pass
        case ["join", room]:
            await client.join(room)
        case ["leave", room]:
            await client.leave(room)
        case ["watch", room]:
            await client.watch(rooms=[room])
        case [("active" | "idle" | "busy") as activity]:
            await client.say_activity(Activity(activity))
        case ["status", status, *rest]:
            await _set_status(client, status, rest)
        case ["clear"]:
            await client.set_status(None)
        case ["drop"]:
            client.drop()
        case _:
            console.print(f"[dim]{escape(HELP)}[/]")


async def _set_status(client: PresenceClient, status: str, rest: Sequence[str]) -> None:
    try:
        wanted = Status(status)
    except ValueError as exc:
        raise InvalidField("status", f"one of {', '.join(Status)}") from exc
    for_ms = None
    if rest and rest[0][:1].isdigit():
        for_ms = round(seconds(rest[0]) * 1000)
        rest = rest[1:]
    await client.set_status(wanted, " ".join(rest), for_ms)


def text_of(news: News) -> str:
    """What happened, in one line of markup."""
    match news:
        case LinkChanged(state=LinkState.CONNECTED):
            return f"[green]connected[/] {'again, same session' if news.resumed else ''} [dim]{news.session}[/]"
        case LinkChanged():
            return f"[yellow]lost[/] ({news.close_code} {escape(news.reason)}), trying again in {news.delay_ms} ms"
        case Snapshot():
            rooms = ", ".join(f"{room}: {', '.join(sorted(users)) or 'nobody'}" for room, users in news.rooms.items())
            return f"[dim]{escape(rooms)}[/]"
        case Seen():
            where = f" in {news.room}" if news.room else ""
            note = f" “{news.presence.note}”" if news.presence.note else ""
            return escape(f"{news.kind.value}: {news.user}{where} is {news.presence.status.value}{note}")
        case Feed():
            return "[yellow]what you see may be stale[/]" if news.stale else "[green]up to date again[/]"
