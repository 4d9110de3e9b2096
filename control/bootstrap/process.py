"""What every tier's process has around its ``run``: health and metrics over HTTP, metrics of the process itself."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from control.settings.fields import env_name
from presence.domain.errors import SetupError
from presence.telemetry.health import Health, serve_telemetry


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Where a tier reports to."""

    health: Health
    registry: CollectorRegistry


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
