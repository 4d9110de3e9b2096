"""The agents: thin shells that take a batch from Faust, have it folded or written, and acknowledge it.

Faust acknowledges an event when its agent moves on, *also when the agent raised or was cancelled*, so that a fault
silently skips what it did not finish. Therefore streams are taken with ``noack()`` and a batch is acknowledged by us
after it was handed to the changelog or the history. Any exception that is not foreseen ends the process (`on_fatal`):
the next one finds the batch again, and a crash is seen, a skipped batch is not.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from presence.ports import DeadLetter, DeadLetters, HistoryStore
from streams.batching.table import BatchTable
from streams.config import StreamsConfig
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
    """Hands batches to the history store, several at once.

    Faust brings a batch per partition and fetch: at 200 events/s that is a transaction for each event or two. So what
    arrives within ``history_linger_s`` goes into one transaction, up to about ``history_batch`` records.
    """

    def __init__(
        self,
        config: StreamsConfig,
        store: HistoryStore,
        patience: Patience,
        undertaker: Undertaker,
        metrics: StreamsMetrics,
        on_fatal: OnFatal,
    ) -> None:
        self._config = config
        self._store = store
        self._patience = patience
        self._undertaker = undertaker
        self._metrics = metrics
        self._on_fatal = on_fatal
        # Taken from Faust and not yet written; `run` takes no more while they are `history_batch` records or more.
        self._waiting: list[Any] = []
        self._changed = asyncio.Condition()
        # What nobody foresaw: the process has been told to end.
        self._fault: Exception | None = None

    async def run(self, stream: Any) -> None:
        """Take batches until cancelled; return when a stream that ends is written."""
        writing = asyncio.create_task(self._write_all(), name="history writer")
        try:
            async for event in stream.noack().events():
                async with self._changed:
                    self._waiting.append(event)
                    self._changed.notify_all()
                    await self._changed.wait_for(self._has_room)
            async with self._changed:
                await self._changed.wait_for(lambda: not self._waiting)
            if self._fault is not None:
                raise self._fault
        finally:
            writing.cancel()
            await asyncio.wait([writing])

    def _has_room(self) -> bool:
        return sum(len(event.message.value) for event in self._waiting) < self._config.history_batch

    async def _write_all(self) -> None:
        try:
            while True:
                async with self._changed:
                    await self._changed.wait_for(lambda: bool(self._waiting))
                if self._has_room():
                    await asyncio.sleep(self._config.history_linger_s)
                taken = len(self._waiting)
                await self._take(self._waiting[:taken])
                async with self._changed:
                    del self._waiting[:taken]
                    self._changed.notify_all()
        except Exception as exc:  # noqa: BLE001 - the top of a task; kept and raised by `run`
            self._on_fatal("history agent", exc)
            self._fault = exc
            async with self._changed:
                self._waiting.clear()  # `run` shall not wait for what will not be written
                self._changed.notify_all()

    async def _take(self, events: Sequence[Any]) -> None:
        started = time.perf_counter()
        generation = events[-1].app.consumer_generation_id
        # The others were taken from us: not acknowledged, whoever owns their partition now writes them again.
        events = [event for event in events if event.message.generation_id == generation]

        def is_ours() -> bool:
            current: bool = generation == events[-1].app.consumer_generation_id
            return current

        records = [log_record(e.message.partition, record) for e in events for record in e.message.value]
        if not records:
            return
        letters = await self._patience.insist("postgres", lambda: self._store.write(records), is_ours)
        if letters is None:
            return
        await self._undertaker.bury(letters, is_ours)
        if not is_ours():
            return
        for event in events:
            event.ack()
        self._metrics.records.inc(len(records))
        self._metrics.batch_records.observe(len(records))
        self._metrics.batch_seconds.observe(time.perf_counter() - started)
