"""The whole system as real processes on real servers, for end-to-end tests that kill parts of it."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from control.devstack import child
from control.devstack.config import DevStackConfig
from control.devstack.stack import DevStack

SECRET = "an end-to-end secret of 32 bytes and more"

# A quick profile, so that a ghost shows within seconds; the relations are those of the product's defaults.
QUICK = {
    "PRESENCE_GRACE_MS": "3000",
    "PRESENCE_DRAIN_GRACE_MS": "15000",
    "PRESENCE_HEARTBEAT_MS": "500",
    "PRESENCE_LEASE_MS": "2500",
}
GRACE_S = 3.0
LEASE_S = 2.5


def free_port() -> int:
    """A TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(what: str, holds: Callable[[], Awaitable[bool] | bool], within_s: float) -> float:
    """Wait for a condition; return the seconds it took. Fails with ``what`` when the deadline passes."""
    began = time.monotonic()
    while True:
        result = holds()
        if result if isinstance(result, bool) else await result:
            return time.monotonic() - began
        if time.monotonic() - began > within_s:
            raise AssertionError(f"not within {within_s} s: {what}")
        await asyncio.sleep(0.05)


class Tier:
    """One ``presence run …`` process that can be killed and started again."""

    def __init__(self, name: str, arguments: list[str], env: Mapping[str, str], health_port: int, logs: Path) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self._arguments = arguments
        self._env = dict(env)
        self._health_port = health_port
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start and wait until it says that it is ready."""
        await self.spawn()
        await self.ready()

    async def spawn(self) -> None:
        """Start without waiting."""
        # By the shim of the embedded servers: a test run that is killed leaves no tier behind.
        shim = (os.getpid(), int(signal.SIGKILL), -1, -1, 0, Path.cwd())
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", child.__file__, *map(str, shim)),
                *(sys.executable, "-m", "control.cli.main", "run", *self._arguments),
                env=self._env,
                stdout=log,
                stderr=log,
            )

    async def ready(self, within_s: float = 30) -> float:
        """Wait for readiness; return the seconds it took."""
        try:
            return await until(f"{self.name} ready", lambda: asyncio.to_thread(self.is_ready), within_s)
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n{self.tail()}") from None

    def is_ready(self) -> bool:
        """Whether /readyz says 200 right now."""
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self._health_port}/readyz", timeout=2) as r:
            return bool(r.status == 200)
        return False

    def metrics(self) -> str:
        """The Prometheus page."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._health_port}/metrics", timeout=2) as response:
            return str(response.read().decode())

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process exists."""
        return self._process is not None and self._process.returncode is None

    async def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        await self.signal(signal.SIGKILL)

    async def stop(self, within_s: float = 20) -> int:
        """SIGTERM, and wait for its end; return the exit code."""
        return await self.signal(signal.SIGTERM, within_s)

    async def signal(self, number: signal.Signals, within_s: float = 20) -> int:
        """Send a signal and wait for the end of the process."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        try:
            async with asyncio.timeout(within_s):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise AssertionError(
                f"{self.name} did not end within {within_s} s of {number.name}\n{self.tail()}"
            ) from None

    def freeze(self) -> None:
        """SIGSTOP."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def tail(self, lines: int = 30) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class System:
    """Servers and tiers of one test."""

    def __init__(self, stack: DevStack, folder: Path, env: Mapping[str, str]) -> None:
        self.stack = stack
        self.folder = folder
        self.tiers: list[Tier] = []
        self._env = dict(env)
        self._edges = 0

    def worker(self, number: int = 0) -> Tier:
        """A stream worker; the same number is the same static member."""
        return self._tier(f"streams-{number}", ["streams"], {"PRESENCE_STREAMS_INSTANCE": f"e2e-streams-{number}"})

    def history(self) -> Tier:
        """The history writer."""
        return self._tier("history-0", ["history"], {"PRESENCE_HISTORY_INSTANCE": "e2e-history-0"})

    def edge(self, port: int | None = None) -> tuple[Tier, str]:
        """An edge and its address."""
        self._edges += 1
        port = port or free_port()
        name = f"edge-{self._edges}"
        env = {"PRESENCE_EDGE_PORT": str(port), "PRESENCE_EDGE_NODE": name}
        return self._tier(name, ["edge"], env), f"ws://127.0.0.1:{port}/v1/ws"

    async def command(self, *arguments: str) -> None:
        """Run a ``presence`` command to its end; fail with its output."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "control.cli.main", *arguments, env=self._env,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()

    def _tier(self, name: str, arguments: list[str], extra: Mapping[str, str]) -> Tier:
        health = free_port()
        env = self._env | {"PRESENCE_TELEMETRY_PORT": str(health)} | dict(extra)
        tier = Tier(name, arguments, env, health, self.folder)
        self.tiers.append(tier)
        return tier

    async def close(self) -> None:
        """End whatever still runs."""
        for tier in self.tiers:
            if tier.is_running:
                with suppress(ProcessLookupError):
                    tier.thaw()
                await tier.kill()


@asynccontextmanager
async def running_system(folder: Path, overrides: Mapping[str, str] | None = None) -> AsyncIterator[System]:
    """Servers with topics and schema, and no tier yet."""
    config = DevStackConfig(data_dir=folder / "data", faster_next_time=False)
    async with DevStack(config) as stack:
        env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PRESENCE_")},
            "PRESENCE_KAFKA": stack.addresses.kafka,
            "PRESENCE_POSTGRES": stack.addresses.postgres,
            "PRESENCE_VALKEY": stack.addresses.valkey,
            "PRESENCE_TOKEN_SECRET": SECRET,
            "PRESENCE_PARTITIONS": "4",
            **QUICK,
            **(overrides or {}),
        }
        system = System(stack, folder, env)
        try:
            await system.command("topics")
            await system.command("migrate")
            yield system
        finally:
            await system.close()


def pretty(value: object) -> str:
    """A value for an assertion's message."""
    return json.dumps(value, indent=1, sort_keys=True, default=str)
