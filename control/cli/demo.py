"""``presence demo``: a believable population through real sockets."""

import asyncio
from contextlib import AsyncExitStack
from itertools import takewhile
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from control.cli.options import ConfigFile, DataDir, EdgeUrl, Tenant, Token, settings_from
from control.cli.render import picture
from control.cli.target import Target, find_target
from control.cli.token import seconds
from control.cli.watch import WATCHER, watching
from control.client.client import PresenceClient
from control.demo.names import ROOMS
from control.demo.plan import Population, plan
from control.demo.runner import Demo, running_demo
from control.told import run_until_told
from presence.adapters.memory.time import SystemClock

REDRAW_S = 0.5
LINE_EVERY_S = 5.0
"""Pause between two lines of statistics where no line can be rewritten."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(command)


def command(  # noqa: PLR0913 - options of a command
    *,
    users: Annotated[int, typer.Option(min=1, max=20_000, help="How many people.")] = 50,
    rooms: Annotated[int, typer.Option(min=1, max=1_000, help="How many rooms.")] = 5,
    rate: Annotated[float | None, typer.Option(min=0.01, help="Steps a second, of all. Default: users / 10.")] = None,
    duration: Annotated[str | None, typer.Option(help="End by itself after 30s, 5m, … Default: never.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same people, doing the same.")] = 42,
    watch: Annotated[bool, typer.Option("--watch", help="Show the lobby meanwhile.")] = False,
    url: EdgeUrl = None,
    token: Token = None,
    tenant: Tenant = None,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """People who come and go: several devices, rooms, idle, status, flaky networks, crashes, nights.

    Ctrl-C or the end of --duration lets everybody say goodbye. Watch them by `presence watch --room lobby`.

    Examples:
      presence demo --watch

      presence demo --users 500 --rate 100 --duration 2m --seed 7
    """
    settings = settings_from(config, data_dir=data_dir).settings
    target = find_target(settings, url, token, tenant)
    population = Population(users, rooms, rate or max(0.5, users / 10), settings.grace_ms)
    within_s = None if duration is None else seconds(duration)
    run_until_told(lambda: play(target, population, seed, within_s, watch))


async def play(
    target: Target, population: Population, seed: int, within_s: float | None, watch: bool, connect_s: float = 10.0
) -> None:
    """Let a population live for a while, or until cancelled; everybody says goodbye at the end."""
    console = Console(highlight=False)
    steps = plan(seed, population)
    if within_s is not None:
        end_ms = within_s * 1000
        steps = takewhile(lambda step: step.at_ms < end_ms, steps)
    async with AsyncExitStack() as stack:
        # Whether it is shown or not: who cannot get in learns it here, and not from fifty devices at once.
        watcher = await stack.enter_async_context(
            watching(target, WATCHER, set(), {ROOMS[0]}, lambda _: None, connect_s)
        )
        console.print(f"{population.users} people, {population.rate:g} steps a second, seed {seed}")
        demo = await stack.enter_async_context(running_demo(target.url, target.token_of))
        show = asyncio.create_task(_show(demo, watcher if watch else None, console))
        try:
            async with asyncio.timeout(within_s):
                await demo.live(steps)
        except TimeoutError:
            pass  # the duration is over
        finally:
            show.cancel()
            await asyncio.wait({show})
            console.print("everybody says goodbye")
    console.print(demo.tally.line(0).split(" · ", 1)[1], soft_wrap=True)


async def _show(demo: Demo, watcher: PresenceClient | None, console: Console) -> None:
    clock = SystemClock()
    began = clock.monotonic()
    if not console.is_terminal:
        while True:
            await asyncio.sleep(LINE_EVERY_S)
            print(demo.tally.line(clock.monotonic() - began), flush=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            line = Text(demo.tally.line(clock.monotonic() - began), no_wrap=True)
            if demo.tally.last_trouble:
                line.append(f"  {demo.tally.last_trouble}", style="yellow")
            people = picture(watcher.store, "", clock.now(), console.height - 2) if watcher is not None else Text("")
            live.update(Group(line, people), refresh=True)
            await asyncio.sleep(REDRAW_S)
