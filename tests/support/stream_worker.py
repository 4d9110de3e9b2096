"""A stream worker as a process of its own, for tests that kill it: prints ``ready`` when it is."""

import argparse
import asyncio
import json
import signal
from contextlib import AsyncExitStack

import uvloop
from prometheus_client import CollectorRegistry

from presence.adapters.kafka.dead_letters import KafkaDeadLetters
from presence.adapters.kafka.log import KafkaEventLog
from presence.adapters.kafka.nodes import KafkaNodeFeed
from presence.adapters.memory.time import SystemClock, UuidSource
from presence.telemetry.health import Health
from presence.telemetry.logs import configure_logs
from presence.wire.topics import TopicNames
from streams import service
from streams.config import StreamsConfig
from streams.metrics import StreamsMetrics


async def work(bootstrap: str, prefix: str, overrides: dict[str, object]) -> None:
    """Run a tables worker until SIGTERM."""
    names = TopicNames.with_prefix(prefix)
    config = StreamsConfig(bootstrap, names=names, **overrides)  # type: ignore[arg-type]
    clock = SystemClock()
    health = Health(*service.TABLES_CHECKS)
    async with AsyncExitStack() as stack:
        ports = service.TablesPorts(
            log=await stack.enter_async_context(KafkaEventLog(bootstrap, names=names)),
            nodes=KafkaNodeFeed(bootstrap, topic=names.nodes),
            dead_letters=await stack.enter_async_context(KafkaDeadLetters(bootstrap, clock, names=names)),
            clock=clock,
            ids=UuidSource(),
        )
        running = asyncio.create_task(service.run_tables(config, ports, health, StreamsMetrics(CollectorRegistry())))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        watch = asyncio.create_task(_say_ready(health))
        try:
            await running
        except asyncio.CancelledError:
            print("stopped", flush=True)
        finally:
            watch.cancel()


async def _say_ready(health: Health) -> None:
    while not health.is_ready:  # noqa: ASYNC110 - health has no event
        await asyncio.sleep(0.02)
    print("ready", flush=True)


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bootstrap")
    parser.add_argument("prefix")
    parser.add_argument("overrides", type=json.loads)
    options = parser.parse_args()
    configure_logs("streams", "info")
    uvloop.run(work(options.bootstrap, options.prefix, options.overrides))


if __name__ == "__main__":
    main()
