"""The whole examination: which parts there are, and each looked at at the same time."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path

from control.bootstrap import parts
from control.doctor import kafka, machine, stores, tiers
from control.doctor.findings import Finding, warn
from control.runfile import Running, find_running
from control.settings.model import Settings


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything that the settings or a running ``presence up`` name."""
    folder = Path(settings.data_dir)
    running = find_running(folder)
    found = [*machine.versions(), *machine.open_files(), *machine.data_dir(folder, running)]
    for part in await asyncio.gather(*_parts(settings, running)):
        found += part
    return found


def _parts(settings: Settings, running: Running | None) -> list[Coroutine[None, None, list[Finding]]]:
    kafka_address = settings.kafka or (running and running.kafka)
    postgres = settings.postgres or (running and running.postgres)
    valkey = settings.valkey or (running and running.valkey)
    names, groups = parts.topic_names(settings), parts.consumer_groups(settings)
    return [
        kafka.examine(kafka_address, names, groups) if kafka_address else _unnamed("kafka"),
        stores.examine_postgres(postgres) if postgres else _unnamed("postgres"),
        stores.examine_valkey(valkey) if valkey else _unnamed("valkey"),
        tiers.examine_tiers(running.telemetry if running else _telemetry(settings)),
        tiers.examine_edge(running.edge if running else f"ws://127.0.0.1:{settings.edge.port}{settings.edge.path}"),
    ]


async def _unnamed(name: str) -> list[Finding]:
    remedy = f"Start `presence up`, name its --data-dir, or set PRESENCE_{name.upper()}."
    return [warn(name, "no address is known", remedy)]


def _telemetry(settings: Settings) -> dict[str, str]:
    return {
        name: f"http://127.0.0.1:{section.telemetry_port}"
        for name, section in (("edge", settings.edge), ("streams", settings.streams), ("history", settings.history))
    }
