"""Compose and run an edge."""

from contextlib import AsyncExitStack

from control.bootstrap.parts import instance_name, kafka_address, reach_kafka, topic_names
from control.bootstrap.process import telemetry, telemetry_port
from control.bootstrap.tokens import token_config
from control.settings.model import Settings
from presence.adapters.jwt.tokens import HmacTokenVerifier
from presence.adapters.kafka.changelog import KafkaChangelog
from presence.adapters.kafka.log import KafkaEventLog
from presence.adapters.kafka.nodes import KafkaNodeFeed
from presence.adapters.memory.time import SystemClock, UuidSource
from ws_edge import service
from ws_edge.config import EdgeConfig
from ws_edge.edge import EdgePorts
from ws_edge.metrics import EdgeMetrics


def edge_config(settings: Settings) -> EdgeConfig:
    """The tier's frozen configuration."""
    edge = settings.edge
    origins = tuple(origin.strip() for origin in edge.origins.split(",") if origin.strip())
    return EdgeConfig(
        node=edge.node or f"{instance_name('')}-{edge.port}",
        host=edge.host,
        port=edge.port,
        reuse_port=edge.reuse_port,
        path=edge.path,
        origins=origins or None,
        hello_ms=edge.hello_ms,
        ping_ms=edge.ping_ms,
        pong_wait_ms=edge.pong_wait_ms,
        grace_ms=settings.grace_ms,
        drain_grace_ms=settings.drain_grace_ms,
        idle_ms=settings.idle_ms,
        heartbeat_ms=settings.heartbeat_ms,
        lease_ms=settings.lease_ms,
        send_high_water=edge.send_high_water,
        send_cut=edge.send_cut,
        slow_ms=edge.slow_ms,
        room_paced_above=edge.room_paced_above,
        room_pace_ms=edge.room_pace_ms,
        journal_entries=edge.journal_entries,
        stale_after_ms=edge.stale_after_ms,
        drain_ms=edge.drain_ms,
        retry_spread_ms=edge.retry_spread_ms,
    )


async def run_edge(settings: Settings, ports: EdgePorts | None = None) -> None:
    """Run an edge until cancelled, on Kafka or on the ports that are handed in.

    Raises:
        SetupError: it cannot start; the text says what to do.
    """
    config = edge_config(settings)
    host, port = settings.edge.telemetry_host, telemetry_port(settings, settings.edge.telemetry_port)
    async with AsyncExitStack() as stack:
        if ports is None:
            ports = await _kafka_ports(settings, stack)
        eyes = await stack.enter_async_context(telemetry(service.CHECKS, host, port, "edge"))
        await service.run(config, ports, eyes.health, EdgeMetrics(eyes.registry))


async def _kafka_ports(settings: Settings, stack: AsyncExitStack) -> EdgePorts:
    address, names, tokens = kafka_address(settings), topic_names(settings), token_config(settings)
    await reach_kafka(address)
    return EdgePorts(
        log=await stack.enter_async_context(KafkaEventLog(address, names=names)),
        changelog=await stack.enter_async_context(KafkaChangelog(address, topic=names.users_changelog)),
        nodes=KafkaNodeFeed(address, topic=names.nodes),
        tokens=HmacTokenVerifier(tokens),
        clock=SystemClock(),
        ids=UuidSource(),
    )
