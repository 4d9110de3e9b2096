"""Clocks and ids: the real ones, and those that tests move by hand."""

import time
import uuid

from presence.domain.ids import Millis


class SystemClock:
    """The machine's clock."""

    def now(self) -> Millis:
        """Wall-clock time, ms since 1970."""
        return Millis(time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class FakeClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, at: int = 1_700_000_000_000) -> None:
        self._now = at
        self._start = at

    def now(self) -> Millis:
        """The time it was moved to."""
        return Millis(self._now)

    def monotonic(self) -> float:
        """Seconds since it was made."""
        return (self._now - self._start) / 1000

    def advance(self, ms: int) -> Millis:
        """Move ahead by ``ms``."""
        self._now += ms
        return Millis(self._now)


class UuidSource:
    """UUID version 7: unique, and later ones sort later (RFC 9562, 5.7)."""

    def new_id(self) -> str:
        """A fresh UUID, 36 characters."""
        ms = time.time_ns() // 1_000_000
        tail = uuid.uuid4().int & ((1 << 76) - 1)
        number = (ms & ((1 << 48) - 1)) << 80 | 7 << 76 | tail
        number = number & ~(3 << 62) | 2 << 62
        return str(uuid.UUID(int=number))


class CountingIds:
    """Predictable ids for tests: ``id-1``, ``id-2``, …."""

    def __init__(self, prefix: str = "id") -> None:
        self._prefix = prefix
        self._count = 0

    def new_id(self) -> str:
        """The next one."""
        self._count += 1
        return f"{self._prefix}-{self._count}"
