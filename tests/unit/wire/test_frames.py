"""The codec of frames."""

import msgspec
import pytest

from presence.domain.status import Activity, Status
from presence.domain.views import OFFLINE
from presence.wire.frames import (
    Changes,
    Diff,
    Error,
    Hello,
    Position,
    Resume,
    SayActivity,
    SetStatus,
    decode_client_frame,
    decode_server_frame,
    encode_frame,
)


def test_a_client_frame_is_told_by_its_t() -> None:
    assert decode_client_frame('{"t":"activity","activity":"idle","id":"7"}') == SayActivity(Activity.IDLE, "7")
    assert decode_client_frame('{"t":"status","status":null}') == SetStatus(None)
    assert decode_client_frame(b'{"t":"hello","token":"x"}') == Hello("x")


def test_offsets_of_a_position_are_keyed_by_partition_number() -> None:
    frame = decode_client_frame('{"t":"resume","position":{"feed":"f","offsets":{"0":7,"11":0}}}')

    assert frame == Resume(Position("f", {0: 7, 11: 0}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "{}",
        '{"t":"unheard_of"}',
        '{"t":"hello"}',
        '{"t":"hello","token":"x","tokne":"y"}',
        '{"t":"activity","activity":"asleep"}',
        '{"t":"join","room":7}',
        '{"t":"ack","id":"1"}',
        '{"t":"meta","meta":[]}',
        '{"t":"meta","meta":{"a":"\\ud800"}}',
        '{"t":"resume","position":{"feed":"f","offsets":{"x":1}}}',
    ],
)
def test_what_no_client_may_say_is_a_decode_error(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_client_frame(text)


@pytest.mark.parametrize(
    "frame", [b'{"t":"join","room":"\xff"}', '{"t":"join","room":"\ud800"}', '{"t":"meta","meta":{"a":' + "[" * 30_000]
)
def test_bad_utf8_and_deep_nesting_are_decode_errors_too(frame: str | bytes) -> None:
    """They raised UnicodeError and RecursionError, past every handler: one frame of 30 KB ended a connection's task."""
    with pytest.raises(msgspec.DecodeError):
        decode_client_frame(frame)


def test_server_frames_leave_out_what_says_nothing() -> None:
    frame = Diff({0: 7}, users=Changes(leaves={"bob": OFFLINE}))

    assert encode_frame(frame) == b'{"t":"diff","position":{"0":7},"users":{"leaves":{"bob":{"status":"offline"}}}}'
    assert decode_server_frame(encode_frame(frame)) == frame


def test_a_server_frame_is_told_by_its_t() -> None:
    assert decode_server_frame('{"t":"error","code":"c","message":"m","retry":false}') == Error("c", "m", retry=False)
    assert decode_client_frame(encode_frame(SetStatus(Status.DND, note="x"))) == SetStatus(Status.DND, note="x")
