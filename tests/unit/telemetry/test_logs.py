"""Tests of `presence.telemetry.logs`."""

import logging
import time

import pytest

from presence.telemetry import logs
from presence.telemetry.logs import SeldomRepeated


def record(message: object, level: int = logging.ERROR, *args: object) -> logging.LogRecord:
    return logging.LogRecord("aiokafka", level, __file__, 1, message, args, None)


def test_what_a_library_repeats_is_written_once() -> None:
    """While Kafka was away for a minute, a worker's log grew by a megabyte."""
    seldom = SeldomRepeated()

    written = [seldom.filter(record("Unable to connect to node %s", logging.ERROR, node)) for node in range(5)]

    assert written == [True, False, False, False, False]


def test_it_is_written_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    seldom = SeldomRepeated()
    assert seldom.filter(record("away"))
    later = time.monotonic() + logs.REPEAT_S
    monkeypatch.setattr(logs.time, "monotonic", lambda: later)

    assert seldom.filter(record("away"))


def test_different_messages_do_not_hide_each_other() -> None:
    seldom = SeldomRepeated()

    assert seldom.filter(record("one"))
    assert seldom.filter(record("other"))


def test_our_own_events_are_never_held_back() -> None:
    """Structlog hands over a mapping; only text comes from libraries."""
    seldom = SeldomRepeated()

    assert all(seldom.filter(record({"event": "grace over"})) for _ in range(3))
    assert all(seldom.filter(record("said", logging.INFO)) for _ in range(3))


def test_what_is_remembered_is_bounded() -> None:
    seldom = SeldomRepeated()

    assert all(seldom.filter(record(f"message {number}")) for number in range(5_000))

    assert len(seldom._said_at) <= 1_000
