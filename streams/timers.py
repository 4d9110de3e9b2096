"""Append what happens because time passed. Nothing is folded here: the event comes back through the log.

An expiry carries what it observed, so one that comes too late, or twice, or from a frozen worker changes nothing. That
is why this service may be careless: it does not wait for its events to come back, it appends them again when they have
not after a while.
"""

import asyncio

import structlog

from presence.domain.deadlines import earliest_deadline, expiries
from presence.domain.errors import LogUnavailable
from presence.domain.events import UserEvent
from presence.domain.ids import Millis, UserKey
from presence.domain.partition import Change
from presence.ports import Clock, EventLog
from streams.config import StreamsConfig
from streams.deadlines import DeadlineIndex
from streams.metrics import StreamsMetrics
from streams.owned import OwnedPartition

_FAILED_RETRY_MS = 1_000
_log = structlog.get_logger()


class Timers:
    """The deadlines of every partition that this worker owns."""

    def __init__(self, config: StreamsConfig, log: EventLog, clock: Clock, metrics: StreamsMetrics) -> None:
        self._config = config
        self._retention_ms = Millis(config.retention_ms)
        self._log = log
        self._clock = clock
        self._metrics = metrics
        self._owned: dict[int, tuple[OwnedPartition, DeadlineIndex]] = {}

    def own(self, partitions: dict[int, OwnedPartition]) -> None:
        """Watch these partitions and no others; their rows are complete."""
        self._owned = {number: (owned, self._index(owned)) for number, owned in partitions.items()}
        self._count()

    def disown(self) -> None:
        """Watch nothing any more."""
        self._owned = {}
        self._count()

    def observe(self, partition: int, changes: list[Change]) -> None:
        """Take note of rows that changed."""
        watched = self._owned.get(partition)
        if watched is None:
            return
        index = watched[1]
        for change in changes:
            after = change.after
            index.put(change.key, None if after is None else earliest_deadline(after, self._retention_ms))

    async def run(self) -> None:
        """Look at the deadlines until cancelled."""
        while True:
            await asyncio.sleep(self._config.timer_interval_s)
            await self.fire(self._clock.now())

    async def fire(self, now: Millis) -> None:
        """Append what is due at ``now``."""
        for owned, index in list(self._owned.values()):
            due = index.due(now, self._config.timer_batch)
            await asyncio.gather(*(self._expire(owned, index, key, now) for key in due))
        self._count()

    async def _expire(self, owned: OwnedPartition, index: DeadlineIndex, key: UserKey, now: Millis) -> None:
        state = owned.users.get(key)
        events = [] if state is None else expiries(state, now, self._retention_ms)
        # Armed before the append: the event may come back, and arm anew, before its acknowledgement does.
        index.put(key, Millis(now + self._config.timer_recheck_ms) if events else None)
        if not events and state is not None:
            index.put(key, earliest_deadline(state, self._retention_ms))
        try:
            for event in events:
                await self._append(owned.number, key, event, now)
        except LogUnavailable as exc:
            self._metrics.expiry_failures.inc()
            _log.warning("expiry not appended", partition=owned.number, error=str(exc))
            if owned.users.get(key) is state:
                index.put(key, Millis(now + _FAILED_RETRY_MS))

    async def _append(self, partition: int, key: UserKey, event: UserEvent, now: Millis) -> None:
        await self._log.append_to_partition(partition, key, event, now)
        self._metrics.expiries.labels(type(event).__name__).inc()

    def _index(self, owned: OwnedPartition) -> DeadlineIndex:
        index = DeadlineIndex()
        for key, state in owned.iter_users():
            index.put(key, earliest_deadline(state, self._retention_ms))
        return index

    def _count(self) -> None:
        self._metrics.deadlines.set(sum(len(index) for _, index in self._owned.values()))
