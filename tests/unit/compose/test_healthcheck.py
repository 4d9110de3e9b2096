"""The probe in the image says what the tier says."""

import asyncio
import subprocess
import sys

from prometheus_client import CollectorRegistry

from presence.telemetry.health import Health, serve_telemetry
from tests.support.pages import ROOT


async def _probe(*arguments: str) -> int:
    return await asyncio.to_thread(
        lambda: (
            subprocess.run(
                [sys.executable, str(ROOT / "compose/healthcheck.py"), *arguments], check=False, capture_output=True
            ).returncode
        )
    )


async def test_a_ready_tier_is_healthy() -> None:
    health = Health("kafka")
    health.ok("kafka")

    async with serve_telemetry(health, CollectorRegistry(), "127.0.0.1", 0) as port:
        code = await _probe(str(port))

    assert code == 0


async def test_a_tier_that_is_not_ready_is_unhealthy() -> None:
    health = Health("kafka")

    async with serve_telemetry(health, CollectorRegistry(), "127.0.0.1", 0) as port:
        code = await _probe(str(port))

    assert code == 1


async def test_a_port_where_nobody_listens_is_unhealthy() -> None:
    async with serve_telemetry(Health(), CollectorRegistry(), "127.0.0.1", 0) as port:
        pass

    code = await _probe(str(port))

    assert code == 1
