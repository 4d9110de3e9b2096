"""A partition that this worker owns: the fold over the rows that the table keeps for it."""

from collections.abc import Iterator
from typing import cast

from presence.domain.ids import CONTROL_MARK, NodeId, UserKey
from presence.domain.partition import PartitionFold
from presence.domain.state import NodeFence, UserPresence
from presence.wire.rows import Row, fence_key
from streams.batching.rows import PartitionState, Rows


class Fences(dict[NodeId, NodeFence]):
    """The fences of one partition, which write themselves through to its rows.

    A fence is put into the changelog after everything that was folded before it (`Rows.put_last`): after a crash in
    between, an opening that came before the loss must not be refused when it is folded again.
    """

    def __init__(self, partition: int, rows: Rows[Row]) -> None:
        super().__init__({row.node: row for row in rows.values() if isinstance(row, NodeFence)})
        self._partition = partition
        self._rows = rows

    def __setitem__(self, node: NodeId, fence: NodeFence) -> None:
        dict.__setitem__(self, node, fence)
        self._rows.put_last(fence_key(self._partition, node), fence)


class OwnedPartition:
    """Rows, fences and the fold over them."""

    def __init__(self, state: PartitionState) -> None:
        self.state = state
        rows = cast("Rows[Row]", state.rows)
        # Users and fences share one dict, as they share one changelog; no user has a key like a fence's.
        self.users = cast("dict[UserKey, UserPresence]", rows)
        self.fold = PartitionFold(self.users, Fences(state.partition, rows))
        self.fold.index(self.iter_users())

    @property
    def number(self) -> int:
        """The number of the partition."""
        return self.state.partition

    def iter_users(self) -> Iterator[tuple[UserKey, UserPresence]]:
        """Every user with their row."""
        return ((key, row) for key, row in self.users.items() if not key.startswith(CONTROL_MARK))
