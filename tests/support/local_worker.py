"""A worker in the test's own process: what is appended is folded at once and published on a changelog in memory."""

from presence.adapters.memory.changelog import MemoryChangelog
from presence.adapters.memory.log import MemoryEventLog
from presence.adapters.memory.nodes import MemoryNodeFeed
from presence.domain.errors import LogUnavailable
from presence.domain.events import Event, Stamp
from presence.domain.ids import Millis, NodeId, UserKey
from presence.domain.leases import NodeRecord
from presence.domain.partition import PartitionFold
from presence.domain.state import NodeFence, UserPresence
from presence.ports import Appended
from presence.wire.rows import encode_row


class FoldingLog(MemoryEventLog):
    """An event log whose events are folded as they are appended, and whose failures a test chooses."""

    def __init__(self, partitions: int = 2) -> None:
        super().__init__(partitions)
        self.changelog = MemoryChangelog(partitions)
        self.nodes = MemoryNodeFeed()
        self.users: list[dict[UserKey, UserPresence]] = [{} for _ in range(partitions)]
        fences: list[dict[NodeId, NodeFence]] = [{} for _ in range(partitions)]
        self._folds = [PartitionFold(u, f) for u, f in zip(self.users, fences, strict=True)]
        self.lose_acks = False
        """Append, then say that it failed: the outcome is uncertain to whoever asked."""
        self.is_folding = True
        self._unfolded: list[tuple[int, UserKey, Event, Stamp]] = []

    async def append_to_partition(self, partition: int, key: UserKey, event: Event, at: Millis) -> Appended:
        """Append and fold."""
        proof = await super().append_to_partition(partition, key, event, at)
        self._unfolded.append((partition, key, event, Stamp(proof.offset, at)))
        if self.is_folding:
            self.fold()
        if self.lose_acks:
            raise LogUnavailable("the acknowledgement got lost")
        return proof

    async def append_node_record(self, record: NodeRecord) -> Appended:
        """Append and publish."""
        proof = await super().append_node_record(record)
        self.nodes.publish(Millis(proof.offset), record)
        return proof

    def fold(self) -> None:
        """Fold what was appended and not yet folded."""
        unfolded, self._unfolded = self._unfolded, []
        for partition, key, event, stamp in unfolded:
            for change in self._folds[partition].apply(key, event, stamp):
                row = None if change.after is None else encode_row(change.after)
                self.changelog.publish(partition, change.key.encode(), row)

    def state(self, key: UserKey) -> UserPresence | None:
        """What the fold says about a user."""
        return next((users[key] for users in self.users if key in users), None)
