"""One wheel of deadlines for all connections: no task and no timer per connection.

Lazy: a deadline that moves later stays where it is; when its slot comes up, its owner looks, and is scheduled anew.
"""

from typing import Generic, Protocol, TypeVar

SLOT_MS = 250
"""Width of a slot: deadlines are seconds, so a quarter late is nothing, and four sweeps a second cost nothing."""


class Timed(Protocol):
    """What can be scheduled."""

    slot: int
    """Where it stands in the wheel; 0 when nowhere."""


T = TypeVar("T", bound=Timed)


class Deadlines(Generic[T]):
    """The wheel. Times are ms of a steady clock."""

    def __init__(self, now: int) -> None:
        self._slots: dict[int, set[T]] = {}
        self._swept = now // SLOT_MS

    def schedule(self, item: T, at: int) -> None:
        """Have ``item`` come up at ``at`` or earlier."""
        slot = max(at // SLOT_MS + 1, self._swept + 1)
        if item.slot:
            if item.slot <= slot:
                return
            self.forget(item)
        item.slot = slot
        self._slots.setdefault(slot, set()).add(item)

    def forget(self, item: T) -> None:
        """Have it come up no more."""
        items = self._slots.get(item.slot)
        item.slot = 0
        if items is not None:
            items.discard(item)

    def due(self, now: int) -> list[T]:
        """Everything whose slot came up; each must be scheduled anew."""
        last, self._swept = self._swept, now // SLOT_MS
        if self._swept - last > len(self._slots):
            ripe = sorted(slot for slot in self._slots if slot <= self._swept)
        else:
            ripe = [slot for slot in range(last + 1, self._swept + 1) if slot in self._slots]
        found: list[T] = []
        for slot in ripe:
            for item in self._slots.pop(slot):
                item.slot = 0
                found.append(item)
        return found
