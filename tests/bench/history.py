"""How fast the history is written: a log made beforehand, batch after batch into a fresh database.

The mix is that of a working day: 1 in 8 events opens a session, as many end one, the rest is activity, rooms and meta.
"""

import argparse
import asyncio
import json
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any

import asyncpg
import psutil
from prometheus_client import CollectorRegistry

from migrations.run import migrate
from presence.adapters.postgres.config import PostgresConfig
from presence.adapters.postgres.history import PostgresHistoryTables
from presence.domain.events import (
    ActivityChanged,
    ConnectionLost,
    Event,
    GraceOver,
    MetaChanged,
    RoomJoined,
    SessionClosed,
    SessionOpened,
)
from presence.domain.ids import ConnectionId, DeviceId, EventId, Millis, NodeEpoch, NodeId, RoomId, SessionId
from presence.domain.status import Activity, CloseReason, LostReason
from presence.ports import LogRecord
from presence.wire.events import HEADERS, encode_event
from projections.config import HistoryConfig
from projections.history import HistoryProjection
from projections.metrics import HistoryMetrics
from tests.bench.machine import machine_facts
from tests.support.devstack import session_stack

_PARTITIONS = 12
_EVENTS_PER_S = 2_000
_TABLES = ("events", "session_history", "status_history", "last_seen", "history_state")


def make_log(users: int, length: int) -> list[LogRecord]:
    """A log in which ``users`` users come, do things and go, again and again."""
    chance = random.Random(7)
    lives: dict[int, Iterator[tuple[str, Event | None]]] = {}
    offsets = [0] * _PARTITIONS
    start = int(time.time() * 1000) - length * 1000 // _EVENTS_PER_S
    records: list[LogRecord] = []
    while len(records) < length:
        number = chance.randrange(users)
        step = next(lives.get(number, iter(())), None)
        if step is None:
            lives[number] = _life(f"user-{number:06}", len(records), chance)
            step = next(lives[number])
        partition = number % _PARTITIONS
        event = step[1] if step[1] is not None else GraceOver(EventId(f"g{len(records)}"), SessionId(step[0]), 0)
        at = Millis(start + len(records) * 1000 // _EVENTS_PER_S)
        key = f"bench/user-{number:06}".encode()
        records.append(LogRecord(partition, offsets[partition], at, key, encode_event(event), HEADERS))
        offsets[partition] += 1
    return records


def _life(user: str, birth: int, chance: random.Random) -> Iterator[tuple[str, Event]]:
    """One session from opening to end: 8 events."""
    session = SessionId(f"0198c2f0-7e1a-7000-8000-{birth:012x}")
    connection = ConnectionId(f"0198c2f0-7e1a-7000-9000-{birth:012x}")
    node, device = NodeId(f"edge-{birth % 4}"), DeviceId(f"{user}-phone")
    ids = (EventId(f"0198c2f0-7e1a-7000-a000-{birth:08x}{n:04x}") for n in range(9))
    yield session, SessionOpened(next(ids), session, connection, node, NodeEpoch(1), device)
    yield session, RoomJoined(next(ids), session, connection, RoomId(f"room-{chance.randrange(500)}"))
    yield session, ActivityChanged(next(ids), session, connection, Activity.ACTIVE)
    yield session, MetaChanged(next(ids), session, connection, {"page": "/inbox", "app": "4.2.1"})
    yield session, ActivityChanged(next(ids), session, connection, Activity.IDLE)
    yield session, ActivityChanged(next(ids), session, connection, Activity.ACTIVE)
    if chance.random() < 0.5:
        yield session, ConnectionLost(next(ids), session, connection, LostReason.SOCKET, Millis(15_000))
    yield session, SessionClosed(next(ids), session, connection, CloseReason.GOODBYE)


async def measure(server: str, args: argparse.Namespace) -> dict[str, Any]:
    """Write the log into a fresh database and report."""
    log = make_log(args.users, args.events)
    admin = await asyncpg.connect(server)
    await admin.execute("drop database if exists presence_bench with (force)")
    await admin.execute("create database presence_bench")
    dsn = f"{server.split('?', maxsplit=1)[0].rsplit('/', 1)[0]}/presence_bench" + (
        "?" + server.split("?")[1] if "?" in server else ""
    )
    try:
        await migrate(dsn)
        tables = PostgresHistoryTables(PostgresConfig(dsn))
        store = HistoryProjection(tables, HistoryConfig(args.cached_users), HistoryMetrics(CollectorRegistry()))
        seconds, processor = await _write(store, log, args.batch, admin)
        await tables.close()
        return _report(args, log, seconds, processor) | {"tables": await _sizes(dsn)}
    finally:
        await admin.execute("drop database if exists presence_bench with (force)")
        await admin.close()


async def _write(
    store: HistoryProjection, log: list[LogRecord], batch: int, admin: "asyncpg.Connection[asyncpg.Record]"
) -> tuple[list[float], dict[str, float]]:
    """Seconds per batch, and processor seconds of the writer and of the server's processes that serve it."""
    seconds = []
    before = time.process_time()
    for start in range(0, len(log), batch):
        began = time.perf_counter()
        letters = await store.write(log[start : start + batch])
        seconds.append(time.perf_counter() - began)
        assert not letters, letters[:1]
    writer = time.process_time() - before
    pids = await admin.fetch("select pid from pg_stat_activity where application_name = 'presence-history'")
    times = [psutil.Process(row["pid"]).cpu_times() for row in pids if psutil.pid_exists(row["pid"])]
    return seconds, {"writer": writer, "postgres": sum(t.user + t.system for t in times)}


async def _sizes(dsn: str) -> dict[str, Any]:
    connection = await asyncpg.connect(dsn)
    try:
        sizes = {}
        for table in _TABLES:
            rows = await connection.fetchval(f"select count(*) from {table}")
            # pg_partition_tree of a plain table is nothing: then the table itself.
            size = "select sum(pg_total_relation_size(r))::bigint from (select $1::regclass union all {tree}) as t (r)"
            tree = "select relid from pg_partition_tree($1::regclass) where level > 0"
            size_bytes = await connection.fetchval(size.format(tree=tree), table)
            sizes[table] = {"rows": rows, "mib": round(size_bytes / 2**20, 1)}
        return sizes
    finally:
        await connection.close()


def _report(
    args: argparse.Namespace, log: list[LogRecord], seconds: list[float], processor: dict[str, float]
) -> dict[str, Any]:
    wall = sum(seconds)
    half = len(seconds) // 2
    cuts = quantiles([s * 1000 for s in seconds], n=100, method="inclusive")
    return {
        "scenario": "history",
        "users": args.users,
        "batch": args.batch,
        "cached_users": args.cached_users,
        "events": len(log),
        "events_per_s": round(len(log) / wall),
        "events_per_s_second_half": round(len(log[half * args.batch :]) / sum(seconds[half:])),
        "batch_ms": {f"p{p}": round(cuts[p - 1], 1) for p in (50, 90, 99)} | {"max": round(max(seconds) * 1e3, 1)},
        # Unlike the rate, this hardly depends on what else the machine does.
        "processor_us_per_event": {name: round(s / len(log) * 1e6, 1) for name, s in processor.items()},
        "load_average": round(psutil.getloadavg()[0], 1),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    """Run from the command line; JSON on standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", help="a server to use instead of an embedded one")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=5_000)
    parser.add_argument("--cached-users", type=int, default=HistoryConfig().cached_users)
    args = parser.parse_args()
    if args.postgres:
        result = asyncio.run(measure(args.postgres, args))
    else:
        with tempfile.TemporaryDirectory() as folder, session_stack(Path(folder)) as addresses:
            result = asyncio.run(measure(addresses.postgres, args))
    print(json.dumps(result | {"machine": machine_facts()}, indent=2))


if __name__ == "__main__":
    main()
