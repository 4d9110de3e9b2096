"""Tell a worker that is slow from one that stands still. Pure: offsets and time are arguments."""

from collections.abc import Mapping


class Progress:
    """How long the partitions that have records waiting have not moved."""

    def __init__(self) -> None:
        self._marks: dict[int, tuple[int, float]] = {}

    def observe(self, committed: Mapping[int, int], ends: Mapping[int, int], now: float) -> float:
        """Note the committed offset and the end of each partition; return for how long the slowest did not move, s."""
        marks: dict[int, tuple[int, float]] = {}
        for partition, end in ends.items():
            done = committed.get(partition, 0)
            if done >= end:
                continue
            known = self._marks.get(partition)
            marks[partition] = known if known is not None and known[0] == done else (done, now)
        self._marks = marks
        return max((now - since for _, since in marks.values()), default=0.0)

    def pardon(self) -> None:
        """Start counting anew: there is a known reason to stand still."""
        self._marks = {}
