"""Which users something will happen to because time passes, earliest first. Pure: time is an argument."""

import heapq

from presence.domain.ids import Millis, UserKey

_SLACK = 1_000
"""Outdated heap entries that are tolerated beside as many as there are users. Half: rebuilt twice as often; double:
a hundred kilobytes more."""


class DeadlineIndex:
    """The earliest deadline of each user of one partition.

    A user's deadline changes far more often than it comes, so the heap keeps outdated entries and skips them when they
    come up (lazy invalidation). They are swept out when they outnumber the users.
    """

    def __init__(self) -> None:
        self._deadlines: dict[UserKey, Millis] = {}
        self._heap: list[tuple[Millis, UserKey]] = []

    def __len__(self) -> int:
        """Users that have a deadline."""
        return len(self._deadlines)

    @property
    def entries(self) -> int:
        """Heap entries, outdated ones too: what the index costs."""
        return len(self._heap)

    def put(self, key: UserKey, deadline: Millis | None) -> None:
        """Replace a user's deadline; None takes it away."""
        if deadline is None:
            self._deadlines.pop(key, None)
            return
        if self._deadlines.get(key) == deadline:
            return
        self._deadlines[key] = deadline
        if len(self._heap) > 2 * len(self._deadlines) + _SLACK:
            self._sweep()
        else:
            heapq.heappush(self._heap, (deadline, key))

    def due(self, now: Millis, limit: int) -> list[UserKey]:
        """Take out up to ``limit`` users whose deadline has come, earliest first; put them again to see them again."""
        found: list[UserKey] = []
        while self._heap and self._heap[0][0] <= now and len(found) < limit:
            deadline, key = heapq.heappop(self._heap)
            if self._deadlines.get(key) == deadline:
                del self._deadlines[key]
                found.append(key)
        return found

    def _sweep(self) -> None:
        self._heap = [(deadline, key) for key, deadline in self._deadlines.items()]
        heapq.heapify(self._heap)
