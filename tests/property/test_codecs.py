"""Codecs: what is written is read back, and no bytes whatever raise anything but the refusal of their codec."""

from collections.abc import Callable
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence.domain.errors import UndecodableRecord
from presence.domain.events import Event
from presence.domain.leases import NodeRecord
from presence.domain.state import NodeFence, UserPresence
from presence.wire.events import HEADERS, decode_event, decode_key, encode_event
from presence.wire.frames import (
    ClientFrame,
    ServerFrame,
    decode_client_frame,
    decode_server_frame,
    encode_frame,
)
from presence.wire.nodes import decode_node_record, encode_node_record
from presence.wire.rows import canonical_row, decode_row, encode_row
from tests.support import strategies as some


@given(some.events)
def test_events_come_back_as_they_were(event: Event) -> None:
    assert decode_event(encode_event(event), HEADERS) == event


@given(some.node_records)
def test_node_records_come_back_as_they_were(record: NodeRecord) -> None:
    assert decode_node_record(encode_node_record(record)) == record


@given(some.user_rows)
def test_rows_come_back_as_they_were(row: UserPresence) -> None:
    assert decode_row("acme/alice", encode_row(row)) == row
    assert canonical_row(decode_row("acme/alice", encode_row(row))) == canonical_row(row)


@given(some.fences)
def test_fences_come_back_as_they_were(fence: NodeFence) -> None:
    assert decode_row("~fence/0/n", encode_row(fence)) == fence


@given(some.client_frames)
def test_client_frames_come_back_as_they_were(frame: ClientFrame) -> None:
    assert decode_client_frame(encode_frame(frame)) == frame


@given(some.server_frames)
def test_server_frames_come_back_as_they_were(frame: ServerFrame) -> None:
    assert decode_server_frame(encode_frame(frame)) == frame


@pytest.mark.parametrize(
    ("by_type", "union"),
    [
        (some.events_by_type, Event),
        (some.node_records_by_type, NodeRecord),
        (some.client_frames_by_type, ClientFrame),
        (some.server_frames_by_type, ServerFrame),
    ],
    ids=["events", "node records", "client frames", "server frames"],
)
def test_every_type_is_among_the_examples(by_type: dict[type, object], union: object) -> None:
    assert set(by_type) == set(get_args(union))


# --- garbage --------------------------------------------------------------------------------------------------

encoded = st.one_of(
    some.events.map(encode_event),
    some.node_records.map(encode_node_record),
    some.user_rows.map(encode_row),
    some.client_frames.map(encode_frame),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Something valid with a piece cut out and another put in."""
    good = draw(encoded)
    start = draw(st.integers(0, len(good)))
    stop = draw(st.integers(start, min(len(good), start + 8)))
    return good[:start] + draw(st.binary(max_size=4)) + good[stop:]


@st.composite
def mistyped(draw: st.DrawFn) -> bytes:
    """JSON of the right shape with a field of any other value."""
    fields = msgspec.json.decode(draw(encoded))
    fields[draw(st.sampled_from(sorted(fields)))] = draw(some.json_values)
    return msgspec.json.encode(fields)


garbage = st.one_of(st.binary(), encoded, damaged(), mistyped(), some.json_values.map(msgspec.json.encode))
schemas = st.lists(st.tuples(st.just("schema"), st.sampled_from([b"1", b"0", b"2"]) | st.binary()), max_size=2)


def survives(decode: Callable[[], object], *refusals: type[Exception]) -> None:
    """Decoding may refuse; it may do nothing else."""
    try:
        decode()
    except refusals:
        return


@given(garbage, st.just(HEADERS) | schemas)
def test_no_event_bytes_raise_anything_but_undecodable(value: bytes, headers: list[tuple[str, bytes]]) -> None:
    survives(lambda: decode_event(value, headers), UndecodableRecord)


@given(garbage)
def test_what_was_read_can_be_written_and_read_again(value: bytes) -> None:
    try:
        event = decode_event(value, HEADERS)
    except UndecodableRecord:
        return

    assert decode_event(encode_event(event), HEADERS) == event


@given(st.none() | st.binary() | some.texts.map(str.encode), some.events)
def test_no_key_bytes_raise_anything_but_undecodable(key: bytes | None, event: Event) -> None:
    survives(lambda: decode_key(key, event), UndecodableRecord)


@given(garbage)
def test_no_node_record_bytes_raise_anything_but_undecodable(value: bytes) -> None:
    survives(lambda: decode_node_record(value), UndecodableRecord)


@given(st.sampled_from(["acme/alice", "~fence/0/n"]), garbage)
def test_no_row_bytes_raise_anything_but_undecodable(key: str, value: bytes) -> None:
    survives(lambda: decode_row(key, value), UndecodableRecord)


@given(garbage | st.text())
def test_no_client_frame_raises_anything_but_a_decode_error(frame: bytes | str) -> None:
    survives(lambda: decode_client_frame(frame), msgspec.DecodeError)
