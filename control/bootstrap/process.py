"""What every tier's process has around its ``run``: health and metrics over HTTP, metrics of the process itself."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from control.settings.fields import env_name
from control.settings.model import Settings
from presence.domain.errors import SetupError
from presence.telemetry.health import Health, serve_telemetry


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Where a tier reports to."""

    health: Health
    registry: CollectorRegistry


def telemetry_port(settings: Settings, of_tier: int) -> int:
    """The port of this process: what was set for the one tier that is run, or the tier's own."""
    return of_tier if settings.telemetry_port is None else settings.telemetry_port


@asynccontextmanager
async def telemetry(checks: Sequence[str], host: str, port: int, tier: str) -> AsyncIterator[Telemetry]:
    """Serve ``/healthz``, ``/readyz`` and ``/metrics``. Raises `SetupError` when the port is taken."""
    health, registry = Health(*checks), CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    try:
        async with serve_telemetry(health, registry, host, port):
            yield Telemetry(health, registry)
    except OSError as exc:
        raise SetupError(
            f"cannot serve metrics on {host}:{port}: {exc.strerror or exc}",
            f"Stop what uses the port, or choose another one by {env_name(f'{tier}.telemetry_port')}.",
        ) from exc
