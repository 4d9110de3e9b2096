"""The agents: thin shells that take a batch from Faust, have it folded or written, and acknowledge it.

Faust acknowledges an event when its agent moves on, *also when the agent raised or was cancelled*, so that a fault
silently skips what it did not finish. Therefore streams are taken with ``noack()`` and a batch is acknowledged by us
after it was handed to the changelog or the history. Any exception that is not foreseen ends the process (`on_fatal`):
the next one finds the batch again, and a crash is seen, a skipped batch is not.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from presence.ports import DeadLetter, DeadLetters, HistoryStore
from streams.batching.table import BatchTable
from streams.metrics import StreamsMetrics
from streams.owned import OwnedPartition
from streams.patience import Patience
from streams.steps import fold_batch, log_record
from streams.timers import Timers

OnFatal = Callable[[str, Exception], None]
IsOurs = Callable[[], bool]

TABLES_CHECKS = ("kafka", "recovered", "dead_letters")
"""Readiness checks of the tables app."""
HISTORY_CHECKS = ("kafka", "assigned", "postgres", "dead_letters")
"""Readiness checks of the history app."""


class Undertaker:
    """Keeps dead letters before the batch they come from is acknowledged."""

    def __init__(self, dead_letters: DeadLetters, patience: Patience, metrics: StreamsMetrics) -> None:
        self._dead_letters = dead_letters
        self._patience = patience
        self._metrics = metrics

    async def bury(self, letters: Sequence[DeadLetter], is_ours: IsOurs) -> None:
        """Return when all are durable, or the batch is not ours any more."""
        if not letters:
            return
        await self._patience.insist("dead_letters", lambda: self._dead_letters.put(letters), is_ours)
        for letter in letters:
            self._metrics.dead_letters.labels(letter.stage, letter.reason).inc()


class TablesAgent:
    """Folds batches into the table ``users``."""

    def __init__(
        self, table: BatchTable, timers: Timers, undertaker: Undertaker, metrics: StreamsMetrics, on_fatal: OnFatal
    ) -> None:
        self._table = table
        self._timers = timers
        self._undertaker = undertaker
        self._metrics = metrics
        self._on_fatal = on_fatal
        self.owned: dict[int, OwnedPartition] = {}

    async def run(self, stream: Any) -> None:
        """Take batches until cancelled."""
        try:
            async for event in stream.noack().events():
                await self._take(event)
        except Exception as exc:
            self._on_fatal("tables agent", exc)
            raise

    async def _take(self, event: Any) -> None:
        started = time.perf_counter()
        message = event.message
        owned = self.owned[message.partition]

        def is_ours() -> bool:
            current: bool = message.generation_id == event.app.consumer_generation_id
            return current and self.owned.get(message.partition) is owned

        records = message.value
        folded = fold_batch(owned.fold, owned.number, records)
        self._timers.observe(owned.number, folded.changes)
        await self._undertaker.bury(folded.letters, is_ours)
        if not is_ours():
            return  # not acknowledged: whoever owns the partition now folds it again
        await self._table.flush(owned.state)
        event.ack()
        self._metrics.records.inc(len(records))
        self._metrics.changes.inc(len(folded.changes))
        self._metrics.batch_records.observe(len(records))
        self._metrics.batch_seconds.observe(time.perf_counter() - started)


class HistoryAgent:
    """Hands batches to the history store."""

    def __init__(
        self,
        store: HistoryStore,
        patience: Patience,
        undertaker: Undertaker,
        metrics: StreamsMetrics,
        on_fatal: OnFatal,
    ) -> None:
        self._store = store
        self._patience = patience
        self._undertaker = undertaker
        self._metrics = metrics
        self._on_fatal = on_fatal

    async def run(self, stream: Any) -> None:
        """Take batches until cancelled."""
        try:
            async for event in stream.noack().events():
                await self._take(event)
        except Exception as exc:
            self._on_fatal("history agent", exc)
            raise

    async def _take(self, event: Any) -> None:
        started = time.perf_counter()
        message = event.message

        def is_ours() -> bool:
            current: bool = message.generation_id == event.app.consumer_generation_id
            return current

        records = [log_record(message.partition, record) for record in message.value]
        letters = await self._patience.insist("postgres", lambda: self._store.write(records), is_ours)
        if letters is None:
            return  # not acknowledged: whoever owns the partition now writes it again
        await self._undertaker.bury(letters, is_ours)
        if not is_ours():
            return
        event.ack()
        self._metrics.records.inc(len(records))
        self._metrics.batch_records.observe(len(records))
        self._metrics.batch_seconds.observe(time.perf_counter() - started)
