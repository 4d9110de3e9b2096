"""Compose and run a stream worker."""

from contextlib import AsyncExitStack

from control.bootstrap.parts import reach_kafka
from control.bootstrap.process import telemetry, telemetry_port
from control.bootstrap.workers import streams_config
from control.settings.model import Settings
from presence.adapters.kafka.dead_letters import KafkaDeadLetters
from presence.adapters.kafka.log import KafkaEventLog
from presence.adapters.kafka.nodes import KafkaNodeFeed
from presence.adapters.memory.time import SystemClock, UuidSource
from streams import service
from streams.config import StreamsConfig
from streams.metrics import StreamsMetrics
from streams.service import TablesPorts


async def run_streams(settings: Settings, ports: TablesPorts | None = None) -> None:
    """Run a stream worker until cancelled, on Kafka or on the ports that are handed in.

    Raises:
        SetupError: it cannot start; the text says what to do.
    """
    config = streams_config(settings, settings.streams.instance)
    async with AsyncExitStack() as stack:
        if ports is None:
            ports = await _kafka_ports(config, stack)
        host, port = settings.streams.telemetry_host, telemetry_port(settings, settings.streams.telemetry_port)
        eyes = await stack.enter_async_context(telemetry(service.TABLES_CHECKS, host, port, "streams"))
        await service.run_tables(config, ports, eyes.health, StreamsMetrics(eyes.registry))


async def _kafka_ports(config: StreamsConfig, stack: AsyncExitStack) -> TablesPorts:
    await reach_kafka(config.bootstrap)
    clock = SystemClock()
    log = KafkaEventLog(config.bootstrap, names=config.names)
    letters = KafkaDeadLetters(config.bootstrap, clock, names=config.names)
    return TablesPorts(
        log=await stack.enter_async_context(log),
        nodes=KafkaNodeFeed(config.bootstrap, topic=config.names.nodes),
        dead_letters=await stack.enter_async_context(letters),
        clock=clock,
        ids=UuidSource(),
    )
