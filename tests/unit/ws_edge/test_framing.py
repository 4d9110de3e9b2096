"""Frames by RFC 6455."""

import pytest

from presence.wire.frames import Diff, Pong
from tests.support.watching import unframed
from ws_edge.framing import Shared, frame_bytes, text_frame


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, "8100"),
        (125, "817d"),
        (126, "817e007e"),
        (65_535, "817effff"),
        (65_536, "817f0000000000010000"),
    ],
)
def test_the_length_is_said_as_shortly_as_it_can_be(size: int, head: str) -> None:
    framed = text_frame(bytes(size))

    assert framed == bytes.fromhex(head) + bytes(size)


def test_a_frame_is_one_text() -> None:
    assert unframed(frame_bytes(Pong(1, "é"))) == Pong(1, "é")


def test_a_shared_diff_has_one_frame_with_its_position_and_one_without_made_once() -> None:
    shared = Shared(frame_bytes(Diff({0: 1})), Diff({}))

    assert unframed(shared.positioned) == Diff({0: 1})
    assert unframed(shared.bare) == Diff({})
    assert shared.bare is shared.bare
