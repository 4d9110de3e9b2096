"""The codec of events: what it reads, what it refuses and how it names the reason."""

from typing import Any

import msgspec
import pytest

from presence.domain.errors import UndecodableRecord
from presence.domain.events import Event, MetaChanged
from presence.domain.status import Activity
from presence.wire import events as codec
from presence.wire.events import (
    HEADERS,
    MAX_EVENT_BYTES,
    MAX_META_DEPTH,
    control_key,
    decode_event,
    decode_key,
    encode_event,
)
from tests.support.facts import activity, meta, node_lost, opened

IDLE = activity(activity=Activity.IDLE)
VALUE = b'{"type":"activity_changed","id":"e","session":"s1","connection":"c1","activity":"idle"}'


def reason(value: bytes | None, headers: tuple[tuple[str, bytes], ...] = HEADERS) -> str:
    """Why a record cannot be decoded."""
    with pytest.raises(UndecodableRecord) as refused:
        decode_event(value, headers)
    return refused.value.reason


def test_an_event_is_json_that_names_its_type() -> None:
    assert encode_event(IDLE) == VALUE
    assert decode_event(VALUE, HEADERS) == IDLE


def test_fields_of_later_releases_are_passed_over() -> None:
    assert decode_event(VALUE[:-1] + b',"later":[1,{}]}', HEADERS) == IDLE


def test_other_headers_do_not_matter() -> None:
    assert decode_event(VALUE, [("traceparent", b"x"), *HEADERS]) == IDLE


@pytest.mark.parametrize("schema", [b"1", b"01", b"0001"])
def test_the_present_version_may_be_written_with_zeros(schema: bytes) -> None:
    assert decode_event(VALUE, [("schema", schema)]) == IDLE


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b" " * (MAX_EVENT_BYTES + 1), "size"),
        (b"not json", "decode"),
        (b"\xff\xfe", "decode"),
        (b'{"type":"activity_changed","id":"\xff"}', "decode"),
        (b"[]", "decode"),
        (b"{}", "decode"),
        (b'{"type":7}', "decode"),
        (b'{"type":"unheard_of"}', "type"),
        (b'{"type":"activity_changed"}', "decode"),
        (VALUE.replace(b"idle", b"asleep"), "decode"),
        (VALUE + b"{}", "decode"),
        (b"[" * 100_000, "decode"),
    ],
)
def test_what_cannot_be_read_has_a_reason(value: bytes | None, expected: str) -> None:
    assert reason(value) == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (b"2", "schema_future"),
        (b"9999", "schema_future"),
        (b"0", "schema"),
        (b"", "schema"),
        (b"one", "schema"),
        (b"-1", "schema"),
        (b"10000", "schema"),
        ("²".encode(), "schema"),
    ],
)
def test_an_unknown_version_is_not_guessed_at(schema: bytes, expected: str) -> None:
    assert reason(VALUE, (("schema", schema),)) == expected


def test_a_record_without_a_version_is_not_guessed_at() -> None:
    assert reason(VALUE, ()) == "schema"


def test_an_old_version_is_brought_up_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(data: dict[str, Any]) -> dict[str, Any]:
        return {"activity" if key == "mood" else key: value for key, value in data.items()}

    monkeypatch.setitem(codec.UPCASTERS, 0, rename)

    assert decode_event(VALUE.replace(b'"activity":', b'"mood":'), [("schema", b"0")]) == IDLE
    assert reason(b"[]", (("schema", b"0"),)) == "decode"
    assert reason(b'{"type":"unheard_of"}', (("schema", b"0"),)) == "type"


@pytest.mark.parametrize("number", [b"-1", b"9223372036854775808", b"1e3", b'"7"', b"1.5", b"null"])
def test_numbers_that_no_store_holds_are_refused(number: bytes) -> None:
    """A node epoch of 2^70 was folded into the table, and then Postgres and every client choked on it."""
    value = b'{"type":"node_lost","id":"e","node":"n","node_epoch":' + number + b',"grace_ms":0}'

    assert reason(value) == "decode"


def deep(levels: int) -> bytes:
    """A meta change whose meta has this many levels."""
    nested = b"[" * (levels - 1) + b"]" * (levels - 1)
    return b'{"type":"meta_changed","id":"e","session":"s","connection":"c","meta":{"a":' + nested + b"}}"


def test_meta_that_some_stack_might_not_hold_is_refused_everywhere() -> None:
    """Data nested 100,000 deep raised RecursionError, which no caller expects, and 900 deep did in some of them."""
    assert isinstance(decode_event(deep(MAX_META_DEPTH), HEADERS), MetaChanged)
    assert [reason(deep(levels)) for levels in (MAX_META_DEPTH + 1, 900, 100_000)] == ["decode"] * 3


def test_many_brackets_that_are_not_nested_are_fine() -> None:
    flat: list[Event] = [meta({"k": "[{" * 200}), opened(rooms=["[" * 100]), activity(session="{" * 100)]

    assert [decode_event(encode_event(event), HEADERS) for event in flat] == flat


# --- keys -----------------------------------------------------------------------------------------------------


def test_a_user_event_needs_a_users_key_and_a_control_record_a_control_key() -> None:
    assert decode_key(b"acme/alice", IDLE) == "acme/alice"
    assert decode_key(b"~node/n1", node_lost()) == control_key("n1") == "~node/n1"


@pytest.mark.parametrize("key", [None, b"", b"acme", b"acme/", b"/alice", b"~node/n1", b"\xff/a", b"acme/\x00"])
def test_an_unfit_key_has_a_reason(key: bytes | None) -> None:
    with pytest.raises(UndecodableRecord) as refused:
        decode_key(key, IDLE)

    assert refused.value.reason == "key"


def test_a_lost_node_under_a_users_key_is_refused() -> None:
    with pytest.raises(UndecodableRecord, match="no key for NodeLost"):
        decode_key(b"acme/alice", node_lost())


def test_every_event_we_write_is_far_below_the_limit() -> None:
    largest = opened(rooms=["🦉" * 128 + str(n) for n in range(128)], meta={"k": "x" * 1_000})

    assert len(encode_event(largest)) < MAX_EVENT_BYTES / 2
    assert msgspec.json.decode(encode_event(largest))["type"] == "session_opened"
