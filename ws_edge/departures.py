"""Last words about sessions: appended until they are durable, since nobody else will say them.

While the log is away they are owed. There is at most one per session this node had, which bounds them.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from presence.domain.errors import LogUnavailable
from presence.ports import Clock, EventLog
from ws_edge.effects import Depart
from ws_edge.metrics import EdgeMetrics

_RETRY_S = 1.0
_AT_ONCE = 256

_log = structlog.get_logger()


class Departures:
    """Appends endings, retries what the log did not take."""

    def __init__(
        self,
        log: EventLog,
        clock: Clock,
        metrics: EdgeMetrics,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._log = log
        self._clock = clock
        self._metrics = metrics
        self._spawn = spawn
        self._owed: list[Depart] = []
        self._flying = 0
        self._changed = asyncio.Event()

    def add(self, depart: Depart) -> None:
        """Append this ending, now or when the log is back."""
        self._flying += 1
        self._spawn(self._first(depart))

    async def run(self) -> None:
        """Retry what is owed. Never returns."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._owed:
                batch, self._owed = self._owed[:_AT_ONCE], self._owed[_AT_ONCE:]
                # Neither owed nor forgotten meanwhile: `settled` must wait for them.
                self._flying += len(batch)
                results = await asyncio.gather(*(self._append(depart) for depart in batch))
                self._flying -= len(batch)
                self._owed += [depart for depart, durable in zip(batch, results, strict=True) if not durable]
                self._metrics.owed.set(len(self._owed))
                if not any(results):
                    await asyncio.sleep(_RETRY_S)

    async def settled(self) -> None:
        """Wait until nothing is owed."""
        while self._flying or self._owed:  # noqa: ASYNC110 - once in a process's life, for seconds
            await asyncio.sleep(0.01)

    async def _first(self, depart: Depart) -> None:
        durable = await self._append(depart)
        self._flying -= 1
        if not durable:
            self._owed.append(depart)
            self._metrics.owed.set(len(self._owed))
            self._changed.set()

    async def _append(self, depart: Depart) -> bool:
        try:
            # The time of the attempt: after an outage of the log everybody gets the whole grace to come back.
            await self._log.append(depart.key, depart.event, self._clock.now())
        except LogUnavailable:
            self._metrics.append_failures.inc()
            return False
        except Exception:  # noqa: BLE001 - the top of its own task: an ending must not be lost because of a bug
            self._metrics.crashes.inc()
            _log.exception("could not append an ending")
            return False
        return True
