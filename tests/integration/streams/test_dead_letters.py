"""Poison records go to the dead letters, byte for byte, and the next record is folded."""

import pytest

from presence.adapters.memory.dead_letters import MemoryDeadLetters
from presence.domain.ids import Millis
from presence.ports import LogRecord
from presence.wire.events import HEADERS, encode_event
from tests.support.inprocess import running_tables
from tests.support.installation import Installation, eventually
from tests.support.scenes import key, opened

pytestmark = [pytest.mark.devstack, pytest.mark.slow]

AT = Millis(1_760_000_000_000)


def record(
    offset: int, key_bytes: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes], ...] = HEADERS
) -> LogRecord:
    return LogRecord(0, offset, AT, key_bytes, value, headers)


def good(offset: int, name: str) -> LogRecord:
    return record(offset, key(name).encode(), encode_event(opened(name)))


POISON = [
    record(1, b"acme/x", b"\xff not json"),
    record(2, b"acme/x", b""),
    record(3, b"\xff\xfe", encode_event(opened("x"))),
    record(4, b"acme/x", encode_event(opened("x")), (("schema", b"99"), ("other", b"\x00\x01"))),
    record(5, b"acme/x", b"{" + b" " * 300_000),
]


async def test_poison_is_kept_raw_and_its_neighbours_are_folded(where: Installation) -> None:
    async with running_tables(where) as worker:
        await where.append_raw([good(0, "before"), *POISON, good(6, "after")])
        rows = await where.settled()
        letters = await where.records(where.names.dead_letters)

    assert set(rows) == {key("before"), key("after")}
    assert [(letter.key, letter.value) for letter in letters] == [(p.key, p.value) for p in POISON]
    facts = [dict(letter.headers) for letter in letters]
    assert [f["dl-reason"] for f in facts] == [b"decode", b"empty", b"key", b"schema_future", b"size"]
    assert [f["dl-offset"] for f in facts] == [b"1", b"2", b"3", b"4", b"5"]
    assert {(f["dl-topic"], f["dl-partition"], f["dl-stage"]) for f in facts} == {
        (where.names.events.encode(), b"0", b"table")
    }
    assert facts[3]["other"] == b"\x00\x01"
    assert worker.exits == []


async def test_nothing_is_acknowledged_before_its_dead_letters_are_kept(where: Installation) -> None:
    letters = MemoryDeadLetters(is_open=False)
    async with running_tables(where, dead_letters=letters, retry_s=0.05) as worker:
        await where.append_raw([good(0, "before"), POISON[0], good(2, "after")])
        await eventually(lambda: letters.attempts >= 2)
        readiness = worker.health.report()["dead_letters"]
        committed = await where.committed(where.config.app_id)

        letters.is_open = True
        await where.settled()

    assert readiness == "the dead letters in memory were told to refuse"
    assert committed[0] == 0
    assert [letter.record.value for letter in letters.kept] == [POISON[0].value]
    assert worker.health.report()["dead_letters"] == "ok"


async def test_a_stop_while_dead_letters_are_refused_does_not_hang_and_loses_nothing(where: Installation) -> None:
    letters = MemoryDeadLetters(is_open=False)
    async with running_tables(where, dead_letters=letters, retry_s=0.05, drain_timeout_s=0.5):
        await where.append_raw([good(0, "before"), POISON[0], good(2, "after")])
        await eventually(lambda: letters.attempts >= 2)

    assert (await where.committed(where.config.app_id))[0] == 0
    async with running_tables(where):
        rows = await where.settled()
    assert set(rows) == {key("before"), key("after")}
