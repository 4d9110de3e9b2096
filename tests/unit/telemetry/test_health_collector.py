"""Readiness checks are metrics too, so that alerts can name the one that fails."""

import aiohttp
from prometheus_client import CollectorRegistry

from presence.telemetry.health import Health, serve_telemetry


async def test_each_check_is_a_metric_with_its_name() -> None:
    health = Health("log", "feed")
    health.ok("log")
    registry = CollectorRegistry()

    async with serve_telemetry(health, registry, "127.0.0.1", 0) as port, aiohttp.ClientSession() as http:
        page = await (await http.get(f"http://127.0.0.1:{port}/metrics")).text()

    assert 'presence_check_ok{check="log"} 1.0' in page
    assert 'presence_check_ok{check="feed"} 0.0' in page


async def test_the_registry_can_be_served_again_after_the_end() -> None:
    registry = CollectorRegistry()

    for _ in range(2):
        async with serve_telemetry(Health("log"), registry, "127.0.0.1", 0):
            assert registry.get_sample_value("presence_check_ok", {"check": "log"}) == 0.0

    assert registry.get_sample_value("presence_check_ok", {"check": "log"}) is None
