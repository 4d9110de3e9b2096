"""Memory of an idle authenticated connection in the edge: its process's resident set before and after many of them.

The edge runs alone in a process, on a log that keeps nothing, so that what grows is what connections cost. The kernel's
socket buffers are not in it (an idle connection has none filled).
"""

import argparse
import asyncio
import gc
import json
import multiprocessing
from multiprocessing.connection import Connection as Pipe
from typing import Any

import psutil
import uvloop
from prometheus_client import CollectorRegistry

from presence.adapters.memory.changelog import MemoryChangelog
from presence.adapters.memory.log import MemoryEventLog
from presence.adapters.memory.nodes import MemoryNodeFeed
from presence.adapters.memory.time import SystemClock, UuidSource
from presence.domain.events import Event
from presence.domain.ids import Millis, TenantId, UserId, UserKey
from presence.ports import Appended, Claims
from presence.telemetry.health import Health
from presence.telemetry.logs import configure_logs
from tests.bench.machine import machine_facts
from tests.bench.rawclient import RawClient, open_raw
from ws_edge.config import EdgeConfig
from ws_edge.edge import EdgePorts
from ws_edge.metrics import EdgeMetrics
from ws_edge.service import CHECKS, run

_WARM = 100
_AT_ONCE = 50


class _Tokens:
    async def verify(self, token: str, now: Millis) -> Claims:
        return Claims(TenantId("acme"), UserId(token))


class _Forgetful(MemoryEventLog):
    async def append(self, key: UserKey, event: Event, at: Millis) -> Appended:
        return Appended(0, 0)


async def _edge(pipe: Pipe) -> None:
    ports = EdgePorts(_Forgetful(), MemoryChangelog(), MemoryNodeFeed(), _Tokens(), SystemClock(), UuidSource())
    metrics = EdgeMetrics(CollectorRegistry())
    config = EdgeConfig(node="bench", port=0)
    service = asyncio.create_task(run(config, ports, Health(*CHECKS), metrics, on_listening=pipe.send))
    process = psutil.Process()
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, pipe.recv) == "measure":
        gc.collect()
        pipe.send(process.memory_info().rss)
    service.cancel()
    await asyncio.gather(service, return_exceptions=True)


def _run_edge(pipe: Pipe) -> None:
    # Standard output is for the result.
    configure_logs("edge", "warning")
    uvloop.run(_edge(pipe))


async def _open(port: int, count: int, prefix: str, watch: int) -> list[RawClient]:
    clients: list[RawClient] = []
    for begin in range(0, count, _AT_ONCE):
        clients += await asyncio.gather(
            *(_welcomed(port, f"{prefix}-{n}", watch) for n in range(begin, min(count, begin + _AT_ONCE)))
        )
    return clients


async def _welcomed(port: int, user: str, watch: int) -> RawClient:
    answers: asyncio.Queue[bytes] = asyncio.Queue()
    client = await open_raw("127.0.0.1", port, lambda payload, _: answers.put_nowait(payload))
    client.send(json.dumps({"t": "hello", "token": user}).encode())
    assert b"welcome" in await answers.get()
    if watch:
        client.send(json.dumps({"t": "watch", "users": [f"friend-{n}" for n in range(watch)]}).encode())
        assert b"snapshot" in await answers.get()
    return client


async def _measure(connections: int, watch: int) -> dict[str, Any]:
    ours, theirs = multiprocessing.Pipe()
    edge = multiprocessing.get_context("spawn").Process(target=_run_edge, args=(theirs,))
    edge.start()
    loop = asyncio.get_running_loop()
    try:
        port = await loop.run_in_executor(None, ours.recv)
        kept = await _open(port, _WARM, "warm", watch)
        before = await _ask(ours)
        kept += await _open(port, connections, "idle", watch)
        after = await _ask(ours)
        for client in kept:
            client.abort()
        ours.send("stop")
    finally:
        await loop.run_in_executor(None, edge.join, 15)
        edge.kill()
    return {
        "connections": connections,
        "watched_users": watch,
        "rss_before_mib": round(before / 2**20, 1),
        "rss_after_mib": round(after / 2**20, 1),
        "kib_per_connection": round((after - before) / connections / 1024, 2),
    }


async def _ask(pipe: Pipe) -> int:
    pipe.send("measure")
    return int(await asyncio.get_running_loop().run_in_executor(None, pipe.recv))


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=2_000)
    parser.add_argument("--watch", type=int, default=0, help="users that each connection watches")
    args = parser.parse_args()
    print(json.dumps(uvloop.run(_measure(args.connections, args.watch)) | {"machine": machine_facts()}))


if __name__ == "__main__":
    main()
