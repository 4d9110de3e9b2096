"""The three servers together: start them at once, know where they answer, stop them, tell when one dies.

On Linux the servers end with the *thread* that started them, so run the stack on a loop that lives as long as the
program (the main thread's).
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from types import TracebackType
from typing import Self

import psutil

from control.devstack.config import Addresses, DevStackConfig
from control.devstack.datadir import DataDir
from control.devstack.jars import JarCache
from control.devstack.kafka import KafkaPorts, KafkaRecipe
from control.devstack.leftovers import ProcessRecord, record_of, stop_leftovers, write_records
from control.devstack.ports import choose_ports
from control.devstack.postgres import PostgresRecipe
from control.devstack.progress import NoProgress, Progress
from control.devstack.reach import ask_kafka, ask_postgres, ask_valkey, require
from control.devstack.recording import record_aot_cache
from control.devstack.server import EmbeddedServer, Recipe, ServerDied
from control.devstack.valkey import ValkeyRecipe
from presence.domain.errors import SetupError


class DevStack:
    """Kafka, PostgreSQL and Valkey in one data directory. A server that is None here is a named one."""

    def __init__(self, config: DevStackConfig, progress: Progress | None = None) -> None:
        self.kafka: EmbeddedServer | None = None
        self.postgres: EmbeddedServer | None = None
        self.valkey: EmbeddedServer | None = None
        self._config = config
        self._progress: Progress = progress or NoProgress()
        self._data = DataDir(config.data_dir)
        self._jars = JarCache(config.cache)
        self._addresses: Addresses | None = None
        self._records: dict[str, ProcessRecord] = {}
        # At most one entry per server and life, so it needs no bound.
        self._deaths: asyncio.Queue[ServerDied] = asyncio.Queue()
        # Lets go of the data directory.
        self._holding = contextlib.ExitStack()
        self._recording: asyncio.Task[None] | None = None

    @property
    def addresses(self) -> Addresses:
        """Where the servers answer. Known once started."""
        if self._addresses is None:
            raise RuntimeError("the stack was not started")
        return self._addresses

    @property
    def servers(self) -> tuple[EmbeddedServer, ...]:
        """The embedded ones."""
        return tuple(server for server in (self.kafka, self.postgres, self.valkey) if server)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start all servers and return once each answers; named ones are only asked.

        Raises:
            SetupError: something cannot be started or reached; nothing is then left running.
        """
        self._holding.enter_context(self._data.locked())
        try:
            for name in await asyncio.to_thread(stop_leftovers, self._data.processes_file):
                self._progress.step(name, "stopped one left over from an earlier run")
            self._build()
            await _together(*(self._start(server) for server in self.servers), *self._checks())
        except BaseException:
            await self.stop()
            raise
        if self.kafka and self._config.faster_next_time:
            self._recording = asyncio.create_task(record_aot_cache(self._jars), name="record jvm cache")

    async def stop(self) -> None:
        """Stop all servers; those that take too long are killed. Does nothing when nothing runs."""
        try:
            if self._recording:
                self._recording.cancel()
                await asyncio.wait([self._recording])
            # Together: none needs another one to stop.
            await asyncio.gather(*(server.stop() for server in reversed(self.servers)))
            self._records.clear()
            self._data.processes_file.unlink(missing_ok=True)
        except BaseException:
            for server in self.servers:
                server.kill_now()
            raise
        finally:
            self._holding.close()

    async def watch(self) -> ServerDied:
        """Return when a server ended though nobody asked it to."""
        return await self._deaths.get()

    def _build(self) -> None:
        config = self._config
        wanted: dict[str, int | None] = {}
        if config.kafka is None:
            wanted |= {"kafka": config.kafka_port, "kafka_controller": None}
        if config.postgres is None:
            wanted["postgres"] = config.postgres_port
        if config.valkey is None:
            wanted["valkey"] = config.valkey_port
        ports = choose_ports(self._data.ports_file, wanted)
        kafka, postgres, valkey = config.kafka, config.postgres, config.valkey
        if kafka is None:
            kafka_ports = KafkaPorts(ports["kafka"], ports["kafka_controller"])
            kafka_recipe = KafkaRecipe(self._data.server("kafka"), self._jars, kafka_ports, self._progress)
            self.kafka, kafka = self._server(kafka_recipe), kafka_recipe.address
        if postgres is None:
            postgres_recipe = PostgresRecipe(self._data.server("postgres"), ports["postgres"], self._progress)
            self.postgres, postgres = self._server(postgres_recipe), postgres_recipe.address
        if valkey is None:
            valkey_recipe = ValkeyRecipe(self._data.server("valkey"), ports["valkey"])
            self.valkey, valkey = self._server(valkey_recipe), valkey_recipe.address
        self._addresses = Addresses(kafka, postgres, valkey)

    def _server(self, recipe: Recipe) -> EmbeddedServer:
        return EmbeddedServer(
            recipe,
            self._data.logs / f"{recipe.name}.log",
            start_timeout_s=self._config.start_timeout_s,
            stop_timeout_s=self._config.stop_timeout_s,
            on_spawn=self._note_spawn,
            on_death=self._deaths.put_nowait,
        )

    def _note_spawn(self, name: str, pid: int, marker: str) -> None:
        try:
            self._records[name] = record_of(pid, marker)
        except psutil.NoSuchProcess:
            # It ended already; its start will tell why.
            return
        write_records(self._data.processes_file, self._records)

    async def _start(self, server: EmbeddedServer) -> None:
        self._progress.step(server.name, "starting")
        await server.start()
        self._progress.step(server.name, "ready")

    def _checks(self) -> list[Coroutine[None, None, None]]:
        config, within_s = self._config, self._config.reach_timeout_s
        checks = []
        if config.kafka is not None:
            checks.append(require("kafka", config.kafka, ask_kafka, within_s))
        if config.postgres is not None:
            checks.append(require("postgres", config.postgres, ask_postgres, within_s))
        if config.valkey is not None:
            checks.append(require("valkey", config.valkey, ask_valkey, within_s))
        return checks


async def _together(*works: Coroutine[None, None, None]) -> None:
    """Run all; the first that fails cancels the others, and its error is raised as it is."""
    first: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except* SetupError as failures:
        # Raised below: from in here it would come out in a group again.
        first = failures.exceptions[0]
    if first:
        raise first
