"""Try again until it works, saying so in the readiness, and give up only when the batch is no longer ours."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from presence.domain.errors import Unavailable
from presence.telemetry.health import Health
from streams.metrics import StreamsMetrics

T = TypeVar("T")

_LONGEST = 10
_log = structlog.get_logger()


class Patience:
    """Holds a batch while a store is away. What is held is not acknowledged, so nothing is lost whatever happens."""

    def __init__(self, health: Health, metrics: StreamsMetrics, retry_s: float) -> None:
        self._health = health
        self._metrics = metrics
        self._retry_s = retry_s
        self._held = 0

    @property
    def is_holding(self) -> bool:
        """Whether a batch is being held: no progress is to be expected then."""
        return self._held > 0

    async def insist(self, store: str, attempt: Callable[[], Awaitable[T]], is_ours: Callable[[], bool]) -> T | None:
        """Call ``attempt`` until it no longer raises `Unavailable`; None when the batch was taken from us before."""
        pause_s = self._retry_s
        self._held += 1
        try:
            while is_ours():
                try:
                    result = await attempt()
                except Unavailable as exc:
                    self._health.fail(store, str(exc))
                    self._metrics.retries.labels(store).inc()
                    _log.warning("batch held", store=store, error=str(exc), retry_in_s=pause_s)
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST * self._retry_s)
                else:
                    self._health.ok(store)
                    return result
        finally:
            self._held -= 1
        return None
