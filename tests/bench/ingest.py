"""How fast one worker folds a backlog into the table and its changelog, and how long one event takes to get there.

Open loop: events are sent by the clock, whether or not the earlier ones came out. The worker is a process of its own,
as in production; broker and reader share the machine with it.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil
import uvloop

from presence.adapters.kafka.changelog import KafkaChangelog
from presence.adapters.memory.time import SystemClock
from presence.domain.events import ActivityChanged, Event, MetaChanged, RoomJoined, RoomLeft, SessionOpened
from presence.domain.ids import ConnectionId, DeviceId, EventId, Millis, NodeEpoch, NodeId, RoomId, SessionId
from presence.domain.status import Activity
from presence.ports import LogRecord
from presence.telemetry.logs import configure_logs
from presence.wire.events import HEADERS, encode_event
from tests.bench.machine import machine_facts
from tests.support.devstack import session_stack
from tests.support.installation import Installation, installation
from tests.support.scenes import key, opened
from tests.support.workers import Workers, workers

_PARTITIONS = 12


def openings(users: int) -> Iterator[tuple[str, Event]]:
    """Everybody comes, once."""
    for number in range(users):
        name = f"user-{number:06}"
        yield (
            name,
            SessionOpened(
                EventId(f"01890000-0000-7000-8000-{number:012}"),
                SessionId(f"s-{number}"),
                ConnectionId(f"c-{number}"),
                NodeId("edge-1"),
                NodeEpoch(1),
                DeviceId("phone"),
                (RoomId(f"room-{number % 500}"),),
                {"name": "Somebody"},
            ),
        )


def mixed(users: int, length: int) -> Iterator[tuple[str, Event]]:
    """What people do once they are there."""
    chance = random.Random(7)
    for count in range(length):
        number = chance.randrange(users)
        session, connection = SessionId(f"s-{number}"), ConnectionId(f"c-{number}")
        event_id = EventId(f"01890000-0000-7000-9000-{count:012}")
        room = RoomId(f"room-{chance.randrange(500)}")
        yield (
            f"user-{number:06}",
            chance.choice(
                (
                    ActivityChanged(event_id, session, connection, chance.choice(list(Activity))),
                    RoomJoined(event_id, session, connection, room),
                    RoomLeft(event_id, session, connection, room),
                    MetaChanged(event_id, session, connection, {"name": "Somebody", "n": count}),
                )
            ),
        )


async def append(where: Installation, events: Iterator[tuple[str, Event]]) -> int:
    """Append events fast; the partition is by number, so that all are equally long."""
    now = int(time.time() * 1000)
    records = [
        LogRecord(
            int(name.removeprefix("user-")) % _PARTITIONS,
            0,
            Millis(now),
            key(name).encode(),
            encode_event(event),
            HEADERS,
        )
        for name, event in events
    ]
    await where.append_raw(records)
    return len(records)


async def fold_backlog(where: Installation, crew: Workers, events: int) -> dict[str, Any]:
    """Start a worker on a backlog; rate from the first to the last row in the changelog, by their timestamps."""
    before = await where.ends(where.names.users_changelog)
    target = await where.ends(where.names.events)
    worker = await crew.ready("bench", commit_interval_s=0.2)
    process = psutil.Process(worker.pid)
    async with asyncio.timeout(120):
        while await where.committed(where.config.app_id) != target:  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.2)
    cpu = process.cpu_times()
    memory = process.memory_info().rss
    await worker.stop()
    rows = [r for r in await where.records(where.names.users_changelog) if r.offset >= before[r.partition]]
    took_s = (max(r.at for r in rows) - min(r.at for r in rows)) / 1000
    return {
        "events": events,
        "rows_written": len(rows),
        "seconds": round(took_s, 3),
        "events_per_s": round(events / took_s),
        "worker_cpu_s": round(cpu.user + cpu.system, 2),
        "worker_rss_mib": round(memory / 2**20),
    }


async def latency(where: Installation, crew: Workers, per_s: int, seconds: float) -> dict[str, Any]:
    """From before the append until a reader of the changelog has the row, ms."""
    worker = await crew.ready("bench")
    sent: dict[bytes, float] = {}
    took_ms: list[float] = []
    clock = SystemClock()
    async with KafkaChangelog(where.bootstrap, topic=where.names.users_changelog) as changelog, where.log() as log:

        async def read() -> None:
            async for batches in changelog.follow():
                now = time.perf_counter()
                for batch in batches:
                    took_ms.extend((now - sent.pop(k)) * 1000 for _, k, _ in batch.rows if k in sent)

        reading = asyncio.create_task(read())
        await asyncio.sleep(1)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as appends:
            for number in range(int(per_s * seconds)):
                await asyncio.sleep(max(0.0, began + number / per_s - time.perf_counter()))
                name = f"late-{number}"
                sent[key(name).encode()] = time.perf_counter()
                appends.create_task(log.append(key(name), opened(name), clock.now()))
        await asyncio.sleep(1)
        reading.cancel()
    await worker.stop()
    marks = quantiles(took_ms, n=1000)
    return {
        "events_per_s": per_s,
        "events": len(took_ms),
        "missing": len(sent),
        "p50_ms": round(marks[499], 2),
        "p99_ms": round(marks[989], 2),
        "max_ms": round(max(took_ms), 2),
    }


async def measure(bootstrap: str, folder: Path, users: int) -> dict[str, Any]:
    """All figures."""
    async with installation(bootstrap, _PARTITIONS) as where, workers(where, folder) as crew:
        count = await append(where, openings(users))
        once = await fold_backlog(where, crew, count)
        count = await append(where, mixed(users, 2 * users))
        many = await fold_backlog(where, crew, count)
        return {
            "one_event_per_user": once,
            "mixed_events": many,
            "latency": await latency(where, crew, per_s=200, seconds=20),
        }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    options = parser.parse_args()
    configure_logs("bench", "warning")  # to standard error: standard output is for the figures
    with tempfile.TemporaryDirectory() as folder, session_stack(Path(folder)) as addresses:
        figures = uvloop.run(measure(addresses.kafka, Path(folder), options.users))
    print(json.dumps({"machine": machine_facts(), **figures}, indent=2))


if __name__ == "__main__":
    main()
