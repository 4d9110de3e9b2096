"""Stream workers as child processes that a test starts, kills and stops."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.installation import Installation


class WorkerProcess:
    """One worker."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self.log = log

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def said(self, word: str, within_s: float = 30.0) -> None:
        """Wait until it prints ``word``. Raises TimeoutError, or EOFError with its log when it ends before."""
        assert self._process.stdout is not None
        async with asyncio.timeout(within_s):
            while line := await self._process.stdout.readline():
                if line.decode().strip() == word:
                    return
        raise EOFError(self.log.read_text()[-4_000:])

    async def kill(self) -> None:
        """End it without a warning."""
        self._signal(signal.SIGKILL)
        await self._process.wait()

    async def stop(self, within_s: float = 20.0) -> int:
        """Ask it to end; return its exit code."""
        self._signal(signal.SIGTERM)
        async with asyncio.timeout(within_s):
            return await self._process.wait()

    async def ended(self, within_s: float) -> int:
        """Wait until it ends by itself; return its exit code."""
        async with asyncio.timeout(within_s):
            return await self._process.wait()

    def _signal(self, number: int) -> None:
        if self._process.returncode is None:
            os.kill(self._process.pid, number)

    def freeze(self) -> None:
        """Stop its clock."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)


class Workers:
    """Starts workers; those that still run at the end are killed."""

    def __init__(self, where: Installation, folder: Path) -> None:
        self._where = where
        self._folder = folder
        self._all: list[WorkerProcess] = []

    async def start(self, instance: str = "w1", **overrides: Any) -> WorkerProcess:
        """Start a worker; it is not ready yet."""
        overrides = {
            "partitions": self._where.partitions,
            "instance": instance,
            # Nobody's retention is over by the wall clock, however old the test's events are.
            "retention_ms": 10**13,
            **overrides,
        }
        log = self._folder / f"{instance}-{len(self._all)}.log"
        with log.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.support.stream_worker",
                self._where.bootstrap,
                self._where.prefix,
                json.dumps(overrides),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=file,
            )
        worker = WorkerProcess(process, log)
        self._all.append(worker)
        return worker

    async def ready(self, instance: str = "w1", **overrides: Any) -> WorkerProcess:
        """Start a worker and wait until it is ready."""
        worker = await self.start(instance, **overrides)
        await worker.said("ready")
        return worker

    async def end(self) -> None:
        """Kill what still runs."""
        for worker in self._all:
            worker.thaw()
            await worker.kill()


@asynccontextmanager
async def workers(where: Installation, folder: Path) -> AsyncIterator[Workers]:
    """Workers of one installation."""
    crew = Workers(where, folder)
    try:
        yield crew
    finally:
        await crew.end()
