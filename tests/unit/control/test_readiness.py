"""Tests of `control.readiness`."""

import asyncio

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from control.readiness import NotReady, ask_readiness, wait_ready
from presence.telemetry.health import Health, serve_telemetry


async def test_waiting_ends_when_the_tier_is_ready() -> None:
    health = Health("kafka")
    async with serve_telemetry(health, CollectorRegistry(), "127.0.0.1", 0) as port, aiohttp.ClientSession() as http:
        waiting = asyncio.create_task(wait_ready(http, f"http://127.0.0.1:{port}", 10))
        assert not (await ask_readiness(http, f"http://127.0.0.1:{port}")).ready

        health.ok("kafka")

        await waiting


async def test_what_is_missing_is_told_when_time_is_up() -> None:
    health = Health("kafka", "table")
    health.ok("kafka")
    health.fail("table", "recovering")
    async with serve_telemetry(health, CollectorRegistry(), "127.0.0.1", 0) as port, aiohttp.ClientSession() as http:
        with pytest.raises(NotReady, match="table: recovering") as caught:
            await wait_ready(http, f"http://127.0.0.1:{port}", 0)

    assert caught.value.checks == {"table": "recovering"}


async def test_a_tier_that_does_not_answer_is_not_ready() -> None:
    async with aiohttp.ClientSession() as http:
        report = await ask_readiness(http, "http://127.0.0.1:1")

    assert not report.ready
    assert "does not answer" in report.missing["process"]
