"""Socket to socket latency through Kafka and Faust, open loop.

Publishers change their meta at a fixed total rate; every change is delivered to every watcher. Latency counts from the
instant the change was *due* to be sent (so a stalled generator or edge is not forgiven: no coordinated omission) to the
instant the watcher's process read the frame. The generator is a process of its own and reports how busy it was.
"""

import argparse
import asyncio
import contextlib
import json
import resource
import sys
import time
from typing import Any

import msgspec
import uvloop
from hdrh.histogram import HdrHistogram

from presence.adapters.jwt.tokens import sign_token
from tests.bench.machine import machine_facts
from tests.bench.rawclient import RawClient, open_raw

_MARK = b'"due_us":'
_PUBLISHERS = 20
_SETTLE_S = 2.0


class Run:
    """One measurement: opens sockets, sends by schedule, counts what arrives."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self.histogram = HdrHistogram(1, 60_000_000, 3)
        self.delivered = 0
        self.acks = 0
        self.errors = 0
        self._expected = 0
        self._complete = asyncio.Event()

    async def run(self) -> dict[str, Any]:
        """Measure and report."""
        publishers = [await self._open(f"bench-pub-{i}", None) for i in range(_PUBLISHERS)]
        names = [f"bench-pub-{i}" for i in range(_PUBLISHERS)]
        watchers = [await self._open(f"bench-watch-{i}", names) for i in range(self._args.watchers)]
        await asyncio.sleep(_SETTLE_S)
        await self._publish(publishers, 2.0)
        await asyncio.sleep(_SETTLE_S)
        self.histogram.reset()
        self.delivered = self.acks = 0
        before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        sent = await self._publish(publishers, self._args.seconds)
        wall = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_SELF)
        expected = sent * self._args.watchers
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await self._all_delivered(expected)
        for client in (*publishers, *watchers):
            client.send(b'{"t":"goodbye"}')
        await asyncio.sleep(0.5)
        busy = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / wall
        return self._report(sent, expected, wall, busy)

    async def _all_delivered(self, expected: int) -> None:
        self._expected = expected
        if self.delivered < expected:
            self._complete.clear()
            await self._complete.wait()

    def _report(self, sent: int, expected: int, wall: float, busy: float) -> dict[str, Any]:
        def at(percentile: float) -> float:
            return float(self.histogram.get_value_at_percentile(percentile)) / 1000

        return {
            "scenario": "latency",
            "rate_per_s": self._args.rate,
            "watchers": self._args.watchers,
            "seconds": self._args.seconds,
            "sent": sent,
            "acked": self.acks,
            "errors": self.errors,
            "deliveries_expected": expected,
            "deliveries": self.delivered,
            "achieved_rate_per_s": round(sent / wall, 1),
            "latency_ms": {f"p{p}": at(p) for p in (50, 90, 99, 99.9)} | {"max": at(100)},
            "generator_busy": round(busy, 3),
        }

    async def _open(self, user: str, watch: list[str] | None) -> RawClient:
        ready = asyncio.Event()

        def receive(payload: bytes, now: float) -> None:
            if payload.startswith(b'{"t":"diff"'):
                self._count(payload, now)
            elif payload.startswith(b'{"t":"ack"'):
                self.acks += 1
            elif payload.startswith((b'{"t":"welcome"', b'{"t":"snapshot"')):
                ready.set()
            elif payload.startswith((b'{"t":"error"', b'{"t":"bye"')):
                self.errors += 1
                print(payload.decode(), file=sys.stderr)

        client = await open_raw(self._args.host, self._args.port, receive)
        claims = {"sub": user, "tenant": "bench"}
        token = sign_token(self._args.secret, claims, now=time.time_ns() // 1_000_000, ttl_s=3600)
        client.send(msgspec.json.encode({"t": "hello", "token": token, "device": "bench"}))
        async with asyncio.timeout(15):
            await ready.wait()
            if watch is not None:
                ready.clear()
                client.send(msgspec.json.encode({"t": "watch", "id": "w", "users": watch}))
                await ready.wait()
        return client

    def _count(self, payload: bytes, now: float) -> None:
        start = payload.find(_MARK)
        while start >= 0:
            end = payload.find(b"}", start)
            due_us = int(payload[start + len(_MARK) : end])
            self.histogram.record_value(max(1, int(now * 1e6) - due_us))
            self.delivered += 1
            if self.delivered == self._expected:
                self._complete.set()
            start = payload.find(_MARK, end)

    async def _publish(self, publishers: list[RawClient], seconds: float) -> int:
        loop = asyncio.get_running_loop()
        interval, began, count = 1 / self._args.rate, loop.time(), 0
        while (due := began + count * interval) < began + seconds:
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            frame = b'{"t":"meta","id":"%d","meta":{"due_us":%d}}' % (count, int(due * 1e6))
            publishers[count % len(publishers)].send(frame)
            count += 1
        return count


def main() -> None:
    """Run against an edge that is up; print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secret", required=True, help="the HS256 secret of the edge")
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--watchers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    args = parser.parse_args()
    result = uvloop.run(Run(args).run())
    print(json.dumps(result | {"machine": machine_facts()}, indent=2))


if __name__ == "__main__":
    main()
