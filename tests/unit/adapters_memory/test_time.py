"""Clocks that are moved by hand, ids that can be foretold, and UUIDs that sort by time."""

import time
import uuid

import pytest

from presence.adapters.memory.time import CountingIds, FakeClock, UuidSource


def test_a_fake_clock_stands_still_until_it_is_moved() -> None:
    clock = FakeClock(at=1_000)

    moved = clock.advance(2_500)

    assert (moved, clock.now(), clock.monotonic()) == (3_500, 3_500, 2.5)


def test_counted_ids_can_be_foretold() -> None:
    ids = CountingIds("ev")

    assert [ids.new_id(), ids.new_id()] == ["ev-1", "ev-2"]


def test_uuids_are_of_version_7_and_the_right_variant() -> None:
    made = uuid.UUID(UuidSource().new_id())

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert abs((made.int >> 80) - time.time_ns() // 1_000_000) < 60_000


def test_later_uuids_sort_later(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = UuidSource()
    made = []
    for ms in range(1_700_000_000_000, 1_700_000_000_050):
        monkeypatch.setattr(time, "time_ns", lambda ms=ms: ms * 1_000_000)
        made.append(ids.new_id())

    assert made == sorted(made)
