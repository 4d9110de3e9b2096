"""Raw records become events or dead letters, never exceptions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence.domain.events import Stamp
from presence.domain.ids import Millis
from presence.ports import DeadLetter, LogRecord
from presence.wire.events import HEADERS
from projections.reading import Logged, read
from tests.support.log_script import opened, script

[GOOD] = script(opened("alice", "s1"))


def changed(**fields: object) -> LogRecord:
    """A good record with other fields."""
    whole = {name: getattr(GOOD, name) for name in GOOD.__struct_fields__} | fields
    return LogRecord(**whole)


def test_a_good_record_is_read_with_its_place_and_time() -> None:
    logged = read(GOOD)

    assert isinstance(logged, Logged)
    assert (logged.key, logged.stamp, logged.record) == ("acme/alice", Stamp(0, GOOD.at), GOOD)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (changed(value=None), "empty"),
        (changed(value=b"{"), "decode"),
        (changed(value=b'{"type":"unheard_of"}'), "type"),
        (changed(headers=()), "schema"),
        (changed(headers=(("schema", b"99"),)), "schema_future"),
        (changed(key=b"nobody"), "key"),
        (changed(key=b"acme/a\x00b"), "key"),
        (changed(at=Millis(-1)), "refused"),
        (changed(at=Millis(253_402_300_800_000)), "refused"),
        (changed(value=(GOOD.value or b"").replace(b"phone", rb"pho\u0000ne")), "refused"),
        (changed(value=(GOOD.value or b"").replace(b"phone", rb"pho\\\u0000ne")), "refused"),
    ],
)
def test_what_cannot_be_read_or_stored_is_a_dead_letter_with_a_reason(record: LogRecord, reason: str) -> None:
    letter = read(record)

    assert isinstance(letter, DeadLetter)
    assert (letter.record, letter.stage, letter.reason) == (record, "history", reason)


@pytest.mark.parametrize("text", [rb"\\u0000", rb"\\\\u0000"])
def test_a_backslash_followed_by_u0000_is_ordinary_text(text: bytes) -> None:
    record = changed(value=(GOOD.value or b"").replace(b"phone", text))

    assert isinstance(read(record), Logged)


def test_bytes_that_are_not_utf8_in_a_field_we_do_not_know_are_a_dead_letter() -> None:
    record = changed(value=(GOOD.value or b"")[:-1] + b',"new":"\xff"}')

    assert isinstance(read(record), DeadLetter)


@given(st.binary(), st.none() | st.binary())
def test_reading_never_raises(value: bytes, key: bytes | None) -> None:
    assert isinstance(read(LogRecord(0, 0, Millis(0), key, value, HEADERS)), Logged | DeadLetter)
