"""Processes of ours: how a program is described, started so that it cannot outlive us, and run to its end."""

import asyncio
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import psutil

from control.devstack import child

POLL_S = 0.02
"""Pause between two looks at processes that are about to end; an end takes some ten milliseconds."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user a server runs as, when that is not the user who starts it."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Command:
    """How a server is run."""

    argv: tuple[str, ...]
    marker: str
    """A part of ``argv`` that nobody else's command line has."""
    working_dir: Path
    stop_signal: signal.Signals = signal.SIGTERM
    """What makes it stop cleanly and soon."""
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends it when we die."""
    account: Account | None = None
    niceness: int = 0
    removed_environment: tuple[str, ...] = ()
    """Variables of our environment that it shall not see."""


async def spawn(command: Command, output: BinaryIO | int) -> asyncio.subprocess.Process:
    """Start the program as a child that ends with the thread that calls this (on Linux; elsewhere see `leftovers`)."""
    account = command.account or Account(-1, -1)
    numbers = (os.getpid(), int(command.death_signal), account.uid, account.gid, command.niceness)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", child.__file__, *map(str, numbers), str(command.working_dir)),
        *command.argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT,
        # A session of its own: Ctrl-C in the terminal reaches us alone, and we stop the servers in order.
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if name not in command.removed_environment},
    )


async def run_once(command: Command) -> tuple[int, str]:
    """Run the program to its end and return its exit code and what it printed."""
    process = await spawn(command, asyncio.subprocess.PIPE)
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    return await process.wait(), output.decode(errors="replace")


def alive_after(processes: list[psutil.Process], within_s: float) -> list[psutil.Process]:
    """Wait until all ended and return those that did not. Blocks.

    One that ended but was not collected counts as ended: in many containers nobody collects orphans.
    """
    deadline = time.monotonic() + within_s
    while alive := [process for process in processes if _is_alive(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_S)
    return alive


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
