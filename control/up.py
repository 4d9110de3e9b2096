"""Everything at once: embedded servers, topics, schema, tiers; ready, then watched over, then stopped in order."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import aiohttp

from control.bootstrap import parts
from control.devstack.config import Addresses, DevStackConfig
from control.devstack.datadir import DataDir
from control.devstack.progress import Progress
from control.devstack.stack import DevStack
from control.errors import ServerDied
from control.layout import UpOptions, check_ports, describe, edge_environment, edge_name, telemetry_urls
from control.readiness import NotReady, wait_ready
from control.runfile import Running, keep_secret, remove_running, write_running
from control.settings.environment import environment_of
from control.settings.fields import env_name
from control.settings.load import Loaded
from control.settings.model import Settings
from control.supervisor import RestartPolicy, Supervisor, Tier
from presence.domain.errors import SetupError

READY_WITHIN_S = 60.0
"""How long the tiers may take to become ready. A warm start takes a few seconds, a large table some more."""

EDGE_STOP_S = 20.0
"""How long an edge may drain: longer than its own drain takes, so that nobody is cut off."""


class Screen(Progress, Protocol):
    """Shows what is being done."""

    def trouble(self, name: str, detail: str) -> None:
        """Note what should not be."""
        ...


class Up:
    """A running system."""

    def __init__(self, stack: DevStack, supervisor: Supervisor, running: Running, secret: str, screen: Screen) -> None:
        self.running = running
        self.secret = secret
        self._stack = stack
        self._supervisor = supervisor
        self._screen = screen
        self._policy = RestartPolicy()

    def pids(self) -> dict[str, int]:
        """The tiers' processes."""
        return self._supervisor.pids()

    async def watch(self) -> None:
        """Keep it running until cancelled: a server that died is started again, as tiers are by their supervisor.

        Raises:
            ServerDied: an embedded server keeps dying, or cannot be started again.
            TierFailed: a tier was given up.
        """
        servers = asyncio.create_task(self._keep_servers())
        tier = asyncio.create_task(self._supervisor.failed())
        try:
            await asyncio.wait({servers, tier}, return_when=asyncio.FIRST_COMPLETED)
            if tier.done():
                raise tier.result()
            await servers
        finally:
            servers.cancel()
            tier.cancel()

    async def _keep_servers(self) -> None:
        died_at: dict[str, list[float]] = {}
        while True:
            died = await self._stack.watch()
            deaths = died_at.setdefault(died.name, [])
            deaths.append(asyncio.get_running_loop().time())
            delay_s = self._policy.delay_s(deaths)
            if delay_s is None:
                raise ServerDied(str(died))
            self._screen.trouble(died.name, f"died (process {died.pid}), starting again in {delay_s:g} s")
            await asyncio.sleep(delay_s)
            try:
                await next(server for server in self._stack.servers if server.name == died.name).start()
            except SetupError as exc:
                raise ServerDied(f"{died}\n{exc}") from exc
            self._screen.step(died.name, "ready")


@asynccontextmanager
async def up(loaded: Loaded, options: UpOptions, screen: Screen) -> AsyncIterator[Up]:
    """Start everything; yield once every tier is ready; stop everything in order.

    Raises:
        SetupError: something cannot be started; nothing is left running.
    """
    settings = loaded.settings
    data = DataDir(Path(settings.data_dir))
    # Before anything heavy starts. First the directory: a second `up` on it would also find the ports in use.
    with data.locked():
        check_ports(settings, options)
    config = DevStackConfig(
        data_dir=data.root, kafka=settings.kafka, postgres=settings.postgres, valkey=settings.valkey
    )
    async with DevStack(config, screen) as stack:
        secret = settings.token.secret.get_secret_value() if settings.token.secret else keep_secret(data.root)
        environment = {**os.environ, **environment_of(loaded), **_servers(stack.addresses, secret)}
        supervisor = Supervisor(screen.trouble)
        try:
            telemetry = await _start_tiers(
                stack.addresses, settings, options, _Shed(supervisor, data, environment), screen
            )
            running = describe(settings, stack.addresses, telemetry)
            write_running(data.root, running)
            yield Up(stack, supervisor, running, secret, screen)
        finally:
            screen.step("presence", "stopping")
            remove_running(data.root)
            await _stop_tiers(supervisor)


@dataclass(frozen=True, slots=True)
class _Shed:
    """Where tiers are started from."""

    supervisor: Supervisor
    data: DataDir
    environment: Mapping[str, str]

    def start(self, name: str, tier: str, extra: Mapping[str, str]) -> None:
        argv = (sys.executable, "-m", "control.cli.main", "run", tier)
        self.supervisor.start(Tier(name, argv, self.data.logs / f"{name}.log", {**self.environment, **extra}))


async def _start_tiers(
    addresses: Addresses, settings: Settings, options: UpOptions, shed: _Shed, screen: Screen
) -> dict[str, str]:
    telemetry = telemetry_urls(settings, options)
    named = settings.model_copy(update={"kafka": addresses.kafka, "postgres": addresses.postgres})

    async def live() -> None:
        await parts.ensure_topics(named)
        screen.step("topics", "ready")
        shed.start("streams", "streams", {})
        for number in range(1, options.edges + 1):
            name = edge_name(number)
            shed.start(name, "edge", edge_environment(settings, name, telemetry[name]))

    async def history() -> None:
        await parts.migrate(named)
        screen.step("schema", "ready")

    async with asyncio.TaskGroup() as group:
        group.create_task(live())
        if options.with_history:
            group.create_task(history())
    if options.with_history:
        shed.start("history", "history", {})
    await _wait_ready(telemetry, shed, screen)
    return telemetry


async def _wait_ready(telemetry: Mapping[str, str], shed: _Shed, screen: Screen) -> None:
    async def one(http: aiohttp.ClientSession, name: str, url: str) -> None:
        try:
            await wait_ready(http, url, READY_WITHIN_S)
        except NotReady as exc:
            raise SetupError(
                f"{name} did not become ready within {READY_WITHIN_S:g} s ({exc})",
                f"Its log is {shed.data.logs / f'{name}.log'}.",
            ) from exc
        screen.step(name, "ready")

    async def all_ready() -> None:
        async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as group:
            for name, url in telemetry.items():
                group.create_task(one(http, name, url))

    waiting = asyncio.create_task(all_ready())
    failing = asyncio.create_task(shed.supervisor.failed())
    try:
        await asyncio.wait({waiting, failing}, return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            raise failing.result()
        await waiting
    except* SetupError as failures:
        raise failures.exceptions[0] from None
    finally:
        waiting.cancel()
        failing.cancel()
        await asyncio.wait({waiting, failing})


async def _stop_tiers(supervisor: Supervisor) -> None:
    """Edges first, so that their last events are still folded; then who folds; the servers come last, by the stack."""
    edges = [name for name in supervisor.pids() if name.startswith("edge")]
    try:
        await supervisor.stop(edges, EDGE_STOP_S)
        await supervisor.stop()
    except asyncio.CancelledError:
        supervisor.kill_now()
        raise


def _servers(addresses: Addresses, secret: str) -> dict[str, str]:
    return {
        env_name("kafka"): addresses.kafka,
        env_name("postgres"): addresses.postgres,
        env_name("valkey"): addresses.valkey,
        env_name("token.secret"): secret,
    }
