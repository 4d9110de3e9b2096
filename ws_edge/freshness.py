"""Whether the view follows the feed: fresh, behind although Kafka answers, or Kafka does not answer. Pure."""

from collections.abc import Mapping
from enum import Enum, auto


class Condition(Enum):
    """How the feed is."""

    FRESH = auto()
    BEHIND = auto()
    """Kafka answers and we do not advance: our consumer is slow or dead."""
    AWAY = auto()
    """Kafka does not answer."""


class Freshness:
    """Judges by probes: high waters, and how far we had read when the next one came."""

    def __init__(self, stale_after_ms: int, now: int) -> None:
        self._stale_after = stale_after_ms
        self._answered_at = now
        self._back_at = now
        self._current_at = now
        self._target: dict[int, int] = {}
        self._target_at = now
        self._read: dict[int, int] = {}

    def probed(self, high_water: Mapping[int, int], positions: Mapping[int, int], now: int) -> None:
        """Kafka answered: this is where the feed ends, and this is where we are."""
        if now - self._answered_at > self._stale_after:
            self._back_at = now
        self._answered_at = now
        self._read = dict(positions)
        if self._has_reached(self._target):
            # Everything that was there at the last target is read: we are no further behind than that.
            self._current_at = self._target_at
            self._target, self._target_at = dict(high_water), now
            if self._has_reached(self._target):
                self._current_at = now

    @property
    def lag(self) -> int:
        """Records not yet read, as of the last probe."""
        return sum(max(0, end - self._read.get(p, 0)) for p, end in self._target.items())

    def behind_for(self, now: int) -> int:
        """How long ago, ms, everything then in the feed was read."""
        return now - self._current_at

    def stuck_for(self, now: int) -> int:
        """The same, but for the time in which Kafka did not answer: that was not our consumer's fault."""
        return now - max(self._current_at, self._back_at)

    def condition(self, now: int) -> Condition:
        """The verdict."""
        if now - self._answered_at > self._stale_after:
            return Condition.AWAY
        return Condition.BEHIND if self.behind_for(now) > self._stale_after else Condition.FRESH

    def _has_reached(self, target: Mapping[int, int]) -> bool:
        return all(self._read.get(partition, 0) >= end for partition, end in target.items())
