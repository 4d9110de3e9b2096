"""Compose and run a history writer."""

from contextlib import AsyncExitStack

from control.bootstrap.parts import postgres_address, reach_kafka
from control.bootstrap.process import telemetry, telemetry_port
from control.bootstrap.workers import streams_config
from control.settings.model import Settings
from presence.adapters.kafka.dead_letters import KafkaDeadLetters
from presence.adapters.memory.time import SystemClock
from presence.adapters.postgres.config import PostgresConfig
from presence.adapters.postgres.history import PostgresHistoryTables
from presence.history import HistoryTables
from projections.config import HistoryConfig
from projections.history import HistoryProjection
from projections.metrics import HistoryMetrics
from streams import service
from streams.metrics import StreamsMetrics
from streams.service import HistoryPorts


async def run_history(settings: Settings, tables: HistoryTables | None = None) -> None:
    """Run a history writer until cancelled, on PostgreSQL or on the tables that are handed in.

    A database that is away is waited for: the log keeps what it has not seen yet.

    Raises:
        SetupError: it cannot start; the text says what to do.
    """
    config = streams_config(settings, settings.history.instance)
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        if tables is None:
            postgres = PostgresHistoryTables(PostgresConfig(postgres_address(settings), topic=config.names.events))
            stack.push_async_callback(postgres.close)
            tables = postgres
        await reach_kafka(config.bootstrap)
        letters = KafkaDeadLetters(config.bootstrap, clock, names=config.names)
        await stack.enter_async_context(letters)
        host, port = settings.history.telemetry_host, telemetry_port(settings, settings.history.telemetry_port)
        eyes = await stack.enter_async_context(telemetry(service.HISTORY_CHECKS, host, port, "history"))
        store = HistoryProjection(tables, HistoryConfig(settings.history.cached_users), HistoryMetrics(eyes.registry))
        ports = HistoryPorts(store, letters, clock)
        await service.run_history(config, ports, eyes.health, StreamsMetrics(eyes.registry))
