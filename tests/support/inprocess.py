"""Workers in the test's own process, on a real Kafka, with the ports a test wants."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from prometheus_client import CollectorRegistry

from presence.adapters.kafka.dead_letters import KafkaDeadLetters
from presence.adapters.kafka.log import KafkaEventLog
from presence.adapters.kafka.nodes import KafkaNodeFeed
from presence.adapters.memory.time import SystemClock, UuidSource
from presence.ports import DeadLetters, HistoryStore
from presence.telemetry.health import Health
from streams import service
from streams.metrics import StreamsMetrics
from tests.support.installation import Installation, eventually


@dataclass
class Running:
    """A worker that runs in this process."""

    task: asyncio.Task[None]
    health: Health
    registry: CollectorRegistry
    exits: list[int]

    def value(self, metric: str, **labels: str) -> float:
        """A metric's value, 0 when it has none."""
        return self.registry.get_sample_value(metric, labels) or 0.0

    async def stop(self) -> None:
        """Cancel it and wait."""
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


@asynccontextmanager
async def running_tables(
    where: Installation, *, dead_letters: DeadLetters | None = None, **overrides: Any
) -> AsyncIterator[Running]:
    """A tables worker, ready."""
    config = replace(where.config, **{"retention_ms": 10**13, **overrides})
    clock = SystemClock()
    health, registry, exits = Health(*service.TABLES_CHECKS), CollectorRegistry(), list[int]()
    async with AsyncExitStack() as stack:
        letters = dead_letters or await stack.enter_async_context(
            KafkaDeadLetters(where.bootstrap, clock, names=where.names)
        )
        log = await stack.enter_async_context(KafkaEventLog(where.bootstrap, names=where.names))
        ports = service.TablesPorts(
            log, KafkaNodeFeed(where.bootstrap, topic=where.names.nodes), letters, clock, UuidSource()
        )
        task = asyncio.create_task(
            service.run_tables(config, ports, health, StreamsMetrics(registry), exit_process=exits.append)
        )
        running = Running(task, health, registry, exits)
        stack.push_async_callback(running.stop)
        await eventually(lambda: health.is_ready or task.done(), 30)
        yield running


@asynccontextmanager
async def running_history(
    where: Installation, store: HistoryStore, dead_letters: DeadLetters, **overrides: Any
) -> AsyncIterator[Running]:
    """A history worker that owns its partitions."""
    config = replace(where.config, **overrides)
    health, registry, exits = Health(*service.HISTORY_CHECKS), CollectorRegistry(), list[int]()
    ports = service.HistoryPorts(store, dead_letters, SystemClock())
    task = asyncio.create_task(
        service.run_history(config, ports, health, StreamsMetrics(registry), exit_process=exits.append)
    )
    running = Running(task, health, registry, exits)
    try:
        await eventually(lambda: health.report()["assigned"] == "ok" or task.done(), 30)
        yield running
    finally:
        await running.stop()
