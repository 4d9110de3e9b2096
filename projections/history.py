"""The history: batches of raw log records in, one transaction each out.

What is written is decided here by folding; how it is written is the store's business (`presence.history`). The state
to go on from is stored with the effects, so a restart, another worker or a repeated batch changes nothing.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence

import structlog

from presence.domain.errors import HistoryRefused
from presence.history import HistoryRows, HistoryTables, HistoryTransaction
from presence.ports import DeadLetter, LogRecord
from projections.cache import StateCache
from projections.config import HistoryConfig
from projections.metrics import HistoryMetrics
from projections.reading import Logged, dead_letter, read
from projections.state import known_of
from projections.working import WorkingSet, key_of, lost_nodes_of, users_of

log = structlog.get_logger()

_DAY_MS = 86_400_000


class HistoryProjection:
    """The port `presence.ports.HistoryStore` over tables. Calls are served one after the other."""

    def __init__(self, tables: HistoryTables, config: HistoryConfig, metrics: HistoryMetrics) -> None:
        self._tables = tables
        self._metrics = metrics
        self._cache = StateCache(config.cached_users)
        self._turn = asyncio.Lock()

    async def write(self, records: Sequence[LogRecord]) -> list[DeadLetter]:
        """Write effects and checkpoints of these records in one transaction; return those that cannot be kept.

        Records at or below the checkpoint are skipped. Those among them that cannot be *read* are returned again:
        whoever died before keeping the letters gets them once more. Those that only the store refuses (reasons
        ``partition`` and, mostly, ``refused``) are returned once: the record stays in the log, the letter may be lost.

        Raises:
            HistoryUnavailable: the store is away; try the same batch again.
        """
        if not records:
            return []
        started = time.perf_counter()
        async with self._turn:
            readable: list[Logged] = []
            letters: list[DeadLetter] = []
            for record in sorted(records, key=_position):
                match read(record):
                    case Logged() as logged:
                        readable.append(logged)
                    case DeadLetter() as letter:
                        letters.append(letter)
            letters += await self._write(readable, _last_offsets(records))
        self._observe(letters, time.perf_counter() - started)
        return letters

    async def _write(self, readable: Sequence[Logged], ends: dict[int, int]) -> list[DeadLetter]:
        days = {logged.record.at // _DAY_MS for logged in readable}
        async with self._tables.transaction(sorted(ends), days) as transaction:
            ahead = {p: end for p, end in ends.items() if end > transaction.checkpoints[p]}
            batch = _beyond(readable, transaction.checkpoints)
            working = await self._load(transaction, batch)
            working, refused = await self._write_or_split(transaction, batch, working)
            if ahead:
                await transaction.write(HistoryRows(checkpoints=ahead))
        # Only now: a batch that failed leaves no trace in memory.
        self._cache.put(
            {key: working.known[key] for key in working.touched},
            {p: fences for p, fences in working.fences.items() if p in ahead},
            {**transaction.checkpoints, **ahead},
        )
        self._metrics.events.inc(len(batch) - len(refused))
        self._metrics.skipped.inc(len(readable) - len(batch))
        return refused

    async def _load(self, transaction: HistoryTransaction, batch: Sequence[Logged]) -> WorkingSet:
        """The states this batch needs: from memory, the missing ones by one query."""
        for partition, checkpoint in transaction.checkpoints.items():
            self._cache.keep_if_at(partition, checkpoint)
        users, nodes = users_of(batch), lost_nodes_of(batch)
        known = self._cache.find(users)
        missing = users - known.keys()
        if missing or nodes:
            for row in await transaction.load_states(missing, nodes):
                key = key_of(row)
                if key not in known:
                    known[key] = known_of(row)
        fences = {p: dict(self._cache.fences(p) or {}) for p in transaction.checkpoints}
        unknown = [p for p in fences if self._cache.fences(p) is None]
        if unknown:
            for partition, fence in await transaction.load_fences(unknown):
                fences[partition][fence.node] = fence
        return WorkingSet(known, fences)

    async def _write_or_split(
        self, transaction: HistoryTransaction, batch: Sequence[Logged], working: WorkingSet
    ) -> tuple[WorkingSet, list[DeadLetter]]:
        """Write all; if the store refuses, halve until the records it will never take stand alone.

        All at once, since a user who changes twice in a batch is written once. Folding piece by piece in a thread
        while the store is busy was tried: 40 % more processor time (more rows, one interpreter lock), and slower.
        """
        if not batch:
            return working, []
        folded, rows, letters = working.folded(batch)
        try:
            await transaction.write(rows)
        except HistoryRefused as exc:
            if len(batch) == 1:
                return working, [dead_letter(batch[0].record, "refused", str(exc))]
            half = len(batch) // 2
            working, letters = await self._write_or_split(transaction, batch[:half], working)
            working, more = await self._write_or_split(transaction, batch[half:], working)
            return working, [*letters, *more]
        return folded, letters

    def _observe(self, letters: Sequence[DeadLetter], seconds: float) -> None:
        for letter in letters:
            self._metrics.dead_letters.labels(letter.reason).inc()
            log.warning(
                "record not in history",
                partition=letter.record.partition,
                offset=letter.record.offset,
                reason=letter.reason,
                detail=letter.detail,
            )
        self._metrics.batch_seconds.observe(seconds)
        self._metrics.cached_users.set(len(self._cache))


def _position(record: LogRecord) -> tuple[int, int]:
    return record.partition, record.offset


def _last_offsets(records: Sequence[LogRecord]) -> dict[int, int]:
    """Per partition the last offset handed in, readable or not."""
    ends: dict[int, int] = {}
    for record in records:
        ends[record.partition] = max(record.offset, ends.get(record.partition, -1))
    return ends


def _beyond(readable: Sequence[Logged], checkpoints: Mapping[int, int]) -> list[Logged]:
    """Those after their partition's checkpoint, each once."""
    done = dict(checkpoints)
    batch = []
    for logged in readable:
        if logged.record.offset > done[logged.record.partition]:
            done[logged.record.partition] = logged.record.offset
            batch.append(logged)
    return batch
