"""Ask a tier over HTTP whether it is ready, and wait until it is."""

import asyncio
import time

import aiohttp
import msgspec

POLL_S = 0.05
"""Pause between two questions: well below what a start takes, and nothing to a tier that is busy starting."""


class NotReady(Exception):
    """The tier did not become ready in time; ``checks`` says what was missing."""

    def __init__(self, checks: dict[str, str]) -> None:
        self.checks = checks
        super().__init__(", ".join(f"{name}: {why}" for name, why in checks.items()))


class Readiness(msgspec.Struct, frozen=True):
    """A tier's own report."""

    ready: bool
    checks: dict[str, str] = {}

    @property
    def missing(self) -> dict[str, str]:
        """The checks that do not hold."""
        return {name: why for name, why in self.checks.items() if why != "ok"}


async def ask_readiness(http: aiohttp.ClientSession, base_url: str) -> Readiness:
    """Ask once; a tier that does not answer is not ready."""
    try:
        async with http.get(f"{base_url}/readyz", timeout=aiohttp.ClientTimeout(total=2)) as response:
            return msgspec.json.decode(await response.read(), type=Readiness)
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError, msgspec.ValidationError) as exc:
        return Readiness(False, {"process": f"does not answer ({type(exc).__name__})"})


async def wait_ready(http: aiohttp.ClientSession, base_url: str, within_s: float) -> None:
    """Wait until a tier is ready. Raises `NotReady`."""
    deadline = time.monotonic() + within_s
    while not (report := await ask_readiness(http, base_url)).ready:
        if time.monotonic() > deadline:
            raise NotReady(report.missing)
        await asyncio.sleep(POLL_S)
