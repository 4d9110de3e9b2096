"""One embedded server as a process of ours: start it, wait until it answers, stop it, notice when it dies."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from control.devstack.process import Command, alive_after, spawn
from presence.domain.errors import SetupError

POLL_S = 0.03
"""Pause between two attempts to reach a starting server: a thirtieth of the fastest start."""

LOG_TAIL_LINES = 15
"""How much of a dead server's log is shown: a Java exception's cause is within its last dozen lines."""

LOG_LIMIT_BYTES = 20_000_000
"""A log larger than this is set aside at the next start, once; about a month of normal use."""


class Recipe(Protocol):
    """What is particular to one kind of server."""

    name: str
    """Also the name of its folder and its log."""

    async def prepare(self) -> None:
        """Make its folder and configuration; also what is made once, on the first start."""
        ...

    def command(self) -> Command:
        """Return how to run it."""
        ...

    async def ask(self) -> None:
        """Connect as a client would; raise OSError or TimeoutError while it does not answer."""
        ...


@dataclass(frozen=True, slots=True)
class ServerDied:
    """A server ended though nobody asked it to."""

    name: str
    pid: int
    exit_code: int
    log_tail: str

    def __str__(self) -> str:
        """Return the message for a person."""
        how = f"signal {-self.exit_code}" if self.exit_code < 0 else f"exit code {self.exit_code}"
        return f"{self.name} (process {self.pid}) ended unexpectedly with {how}; its last words:\n{self.log_tail}"


class EmbeddedServer:
    """One server's process, through any number of lives."""

    def __init__(
        self,
        recipe: Recipe,
        log_file: Path,
        *,
        start_timeout_s: float,
        stop_timeout_s: float,
        on_spawn: Callable[[str, int, str], None] = lambda _name, _pid, _marker: None,
        on_death: Callable[[ServerDied], None] = lambda _died: None,
    ) -> None:
        self.recipe = recipe
        self.log_file = log_file
        self._start_timeout_s = start_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._on_spawn = on_spawn
        self._on_death = on_death
        self._process: asyncio.subprocess.Process | None = None
        self._command: Command | None = None
        # Waits for the end of the current life; done once the process is gone.
        self._watcher: asyncio.Task[int] | None = None
        # True from start() until somebody asks for the end; an end in between is a death.
        self._wanted = False

    @property
    def name(self) -> str:
        """The server's name."""
        return self.recipe.name

    @property
    def pid(self) -> int | None:
        """Its process id, None while it does not run."""
        return self._process.pid if self.is_running and self._process else None

    @property
    def is_running(self) -> bool:
        """Whether its process exists."""
        return self._process is not None and self._process.returncode is None

    def family(self) -> list[psutil.Process]:
        """Return its process and all that came from it, itself first; empty while it does not run."""
        if self.pid is None:
            return []
        try:
            process = psutil.Process(self.pid)
            return [process, *process.children(recursive=True)]
        except psutil.Error:
            return []

    def log_tail(self) -> str:
        """Return the last lines of its log."""
        try:
            with self.log_file.open("rb") as log:
                log.seek(0, os.SEEK_END)
                log.seek(max(0, log.tell() - 16_384))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError as exc:
            return f"  (no log: {exc})"
        return "\n".join(f"  {line}" for line in lines[-LOG_TAIL_LINES:])

    async def start(self) -> None:
        """Start it and return once it answers. A server that runs already is left alone.

        Raises:
            SetupError: it cannot be run, ends early, or does not answer in time; it is then gone.
        """
        if self.is_running:
            return
        try:
            await self.recipe.prepare()
            await self._spawn(self.recipe.command())
        except OSError as exc:
            raise SetupError(
                f"{self.name} cannot be started: {exc}", f"Check that its files exist; its log is {self.log_file}."
            ) from exc
        try:
            await self._await_ready()
        except BaseException:
            await self.kill()
            raise
        self._wanted = True

    async def stop(self) -> None:
        """Ask it to stop; kill it if it takes too long."""
        self._wanted = False
        if self._watcher is None or self._command is None:
            return
        # A frozen server acts on its signal only once it runs again.
        self.resume()
        self._signal(self._command.stop_signal)
        try:
            async with asyncio.timeout(self._stop_timeout_s):
                await asyncio.shield(self._watcher)
        except TimeoutError:
            await self.kill()
        except asyncio.CancelledError:
            self.kill_now()
            raise

    async def kill(self) -> None:
        """End it and all its children at once, as a crash would, and wait until they are gone."""
        family = self.kill_now()
        if self._watcher is not None:
            await asyncio.shield(self._watcher)
        # Itself was awaited above, by the loop that started it: nobody else may collect its exit code.
        await asyncio.to_thread(alive_after, family[1:], self._stop_timeout_s)

    def kill_now(self) -> list[psutil.Process]:
        """Send SIGKILL to it and all its children, which are returned; wait for nothing."""
        self._wanted = False
        family = self.family()
        self._signal(signal.SIGKILL)
        _signal_each(family, signal.SIGKILL)
        return family

    def suspend(self) -> None:
        """Freeze it and its children: it holds its connections and answers nothing."""
        _signal_each(self.family(), signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `suspend`."""
        _signal_each(self.family(), signal.SIGCONT)

    async def wait_exit(self) -> int:
        """Return the exit code (negative: the signal) of the current life, once it is over."""
        if self._watcher is None:
            raise RuntimeError(f"{self.name} was never started")
        return await asyncio.shield(self._watcher)

    async def _spawn(self, command: Command) -> None:
        self._rotate_log()
        with self.log_file.open("ab") as log:
            self._process = await spawn(command, log)
        self._command = command
        self._watcher = asyncio.create_task(self._watch(self._process), name=f"watch {self.name}")
        self._on_spawn(self.name, self._process.pid, command.marker)

    async def _watch(self, process: asyncio.subprocess.Process) -> int:
        exit_code = await process.wait()
        if self._wanted:
            self._wanted = False
            self._on_death(ServerDied(self.name, process.pid, exit_code, self.log_tail()))
        return exit_code

    async def _await_ready(self) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while True:
            if self._watcher is not None and self._watcher.done():
                raise SetupError(
                    f"{self.name} ended right after its start; its last words:\n{self.log_tail()}",
                    f"The whole log is {self.log_file}.",
                )
            try:
                async with asyncio.timeout(max(0.1, deadline - time.monotonic())):
                    await self.recipe.ask()
            except (OSError, TimeoutError) as exc:
                if time.monotonic() > deadline:
                    raise SetupError(
                        f"{self.name} did not answer within {self._start_timeout_s:g} s ({exc}); its last words:\n"
                        f"{self.log_tail()}",
                        f"The whole log is {self.log_file}.",
                    ) from exc
                await asyncio.sleep(POLL_S)
            else:
                if self.is_running:
                    return

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is None:
            return
        # The group, not the process: a JVM that builds its cache has a child of its own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _rotate_log(self) -> None:
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_LIMIT_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".old.log"))


def _signal_each(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
