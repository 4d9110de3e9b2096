"""The states used last, in memory, each as the store has it at a checkpoint; bounded."""

from collections import OrderedDict
from collections.abc import Iterable

from presence.domain.ids import NodeId, UserKey
from presence.domain.state import NodeFence
from projections.state import Known


class StateCache:
    """At most ``limit`` users; those used least lately leave first. Fences are few, so all are kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: OrderedDict[UserKey, Known] = OrderedDict()
        self._fences: dict[int, dict[NodeId, NodeFence]] = {}
        self._checkpoints: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._known)

    def keep_if_at(self, partition: int, checkpoint: int) -> None:
        """Forget a partition unless it was cached at exactly this checkpoint: somebody else wrote it since."""
        if self._checkpoints.get(partition) == checkpoint:
            return
        self._checkpoints.pop(partition, None)
        self._fences.pop(partition, None)
        for key in [k for k, known in self._known.items() if known.track.partition == partition]:
            del self._known[key]

    def find(self, keys: Iterable[UserKey]) -> dict[UserKey, Known]:
        """Those of ``keys`` that are here."""
        found = {}
        for key in keys:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                found[key] = known
        return found

    def fences(self, partition: int) -> dict[NodeId, NodeFence] | None:
        """The fences of a partition; None when they are not known here."""
        return self._fences.get(partition)

    def put(
        self, known: dict[UserKey, Known], fences: dict[int, dict[NodeId, NodeFence]], checkpoints: dict[int, int]
    ) -> None:
        """Take over what was committed."""
        for key, value in known.items():
            self._known[key] = value
            self._known.move_to_end(key)
        while len(self._known) > self._limit:
            self._known.popitem(last=False)
        self._fences.update(fences)
        self._checkpoints.update(checkpoints)
