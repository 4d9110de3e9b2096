"""Health of a process: named checks that its parts set, and a tiny HTTP server for people and probes."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector


class Health:
    """What must hold for the process to be ready. A check that was never set counts as failing."""

    def __init__(self, *checks: str) -> None:
        self._checks: dict[str, str | None] = dict.fromkeys(checks, "not yet")

    def ok(self, check: str) -> None:
        """Say that a check holds."""
        self._checks[check] = None

    def fail(self, check: str, why: str) -> None:
        """Say that a check does not hold, and why, in words for an operator."""
        self._checks[check] = why

    @property
    def is_ready(self) -> bool:
        """Whether every check holds."""
        return all(why is None for why in self._checks.values())

    def report(self) -> dict[str, str]:
        """Every check with ``ok`` or the reason why it does not hold."""
        return {check: why or "ok" for check, why in self._checks.items()}


class HealthCollector(Collector):
    """Every check as a metric, so that alerts can name the one that fails."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read the checks at each scrape."""
        checks = GaugeMetricFamily("presence_check_ok", "1 while this readiness check holds", labels=["check"])
        for check, result in self._health.report().items():
            checks.add_metric([check], float(result == "ok"))
        yield checks


@asynccontextmanager
async def serve_telemetry(health: Health, registry: CollectorRegistry, host: str, port: int) -> AsyncIterator[int]:
    """Serve ``/healthz`` (the process runs), ``/readyz`` (it may get work) and ``/metrics``; yield the port bound.

    Raises:
        OSError: the port is in use.
    """

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        status = 200 if health.is_ready else 503
        return web.json_response({"ready": health.is_ready, "checks": health.report()}, status=status)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    collector = HealthCollector(health)
    registry.register(collector)
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        registry.unregister(collector)
        await runner.cleanup()
