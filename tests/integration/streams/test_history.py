"""The history app hands every record to the store once it can, and never hangs because it cannot."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from presence.adapters.memory.dead_letters import MemoryDeadLetters
from presence.domain.errors import HistoryUnavailable
from presence.ports import DeadLetter, LogRecord
from tests.support.inprocess import running_history
from tests.support.installation import Installation, eventually
from tests.support.random_log import RandomLog

pytestmark = [pytest.mark.devstack, pytest.mark.slow]


class FakeStore:
    """Keeps records by (partition, offset); may be away, mute, or refuse some."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, int], LogRecord] = {}
        self.is_away = False
        self.is_mute = False
        self.calls = 0
        self.refused: set[int] = set()

    async def write(self, records: Sequence[LogRecord]) -> Sequence[DeadLetter]:
        self.calls += 1
        if self.is_mute:
            await asyncio.Event().wait()
        if self.is_away:
            raise HistoryUnavailable("told to be away")
        self.kept |= {(r.partition, r.offset): r for r in records}
        return [DeadLetter(r, "history", "decode", "told to") for r in records if r.offset in self.refused]


def letters() -> MemoryDeadLetters:
    kept = MemoryDeadLetters(is_open=False)
    kept.is_open = True
    return kept


async def everything(where: Installation) -> set[tuple[int, int]]:
    return {(r.partition, r.offset) for r in await where.records(where.names.events)}


async def test_every_record_reaches_the_store_raw_and_is_committed(where: Installation) -> None:
    store = FakeStore()
    await where.append_raw(RandomLog(21, users=50, partitions=4).grow(3_000))

    async with running_history(where, store, letters()):
        wanted = await everything(where)
        await eventually(lambda: store.kept.keys() >= wanted)

    assert {(r.partition, r.offset): r for r in await where.records(where.names.events)} == store.kept
    assert await where.committed(where.config.history_id) == await where.ends(where.names.events)


async def test_a_store_that_is_away_is_waited_for_and_nothing_is_committed(where: Installation) -> None:
    store = FakeStore()
    store.is_away = True
    await where.append_raw(RandomLog(22, users=50, partitions=4).grow(500))

    async with running_history(where, store, letters(), retry_s=0.05, watchdog_s=2.0) as worker:
        await eventually(lambda: store.calls >= 3)
        readiness = worker.health.report()["postgres"]
        await asyncio.sleep(3)  # longer than the watchdog's patience
        committed = await where.committed(where.config.history_id)
        exits = list(worker.exits)
        store.is_away = False
        wanted = await everything(where)
        await eventually(lambda: store.kept.keys() >= wanted)

    assert readiness == "told to be away"
    assert sum(committed.values()) == 0
    assert exits == []
    assert worker.health.report()["postgres"] == "ok"


async def test_a_store_that_never_answers_hangs_neither_a_rebalance_nor_the_stop(where: Installation) -> None:
    mute, store = FakeStore(), FakeStore()
    mute.is_mute = True
    await where.append_raw(RandomLog(23, users=50, partitions=4).grow(500))

    async with running_history(where, mute, letters(), instance="mute", drain_timeout_s=0.5) as first:
        await eventually(lambda: mute.calls > 0)
        async with running_history(where, store, letters(), instance="fine"):
            await eventually(lambda: len(store.kept) > 0)
            started = time.monotonic()
            await first.stop()
            took_s = time.monotonic() - started
            wanted = await everything(where)
            await eventually(lambda: store.kept.keys() >= wanted)

    assert took_s < 5
    assert await where.committed(where.config.history_id) == await where.ends(where.names.events)


async def test_what_the_store_cannot_keep_becomes_a_dead_letter(where: Installation) -> None:
    store, kept = FakeStore(), letters()
    store.refused = {3}
    await where.append_raw(RandomLog(24, users=50, partitions=4, poison=0).grow(40))

    async with running_history(where, store, kept) as worker:
        wanted = await everything(where)
        await eventually(lambda: store.kept.keys() >= wanted)
        await eventually(lambda: len(kept.kept) == 4)

    assert {(letter.record.offset, letter.stage) for letter in kept.kept} == {(3, "history")}
    assert worker.value("presence_streams_dead_letters_total", stage="history", reason="decode") == 4
