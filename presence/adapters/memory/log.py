"""An event log in memory, with the failures a test asks for."""

from presence.domain.errors import LogUnavailable
from presence.domain.events import Event, NodeLost
from presence.domain.ids import Millis, UserKey
from presence.domain.leases import NodeRecord
from presence.ports import Appended, LogRecord
from presence.wire.events import HEADERS, encode_event


class MemoryEventLog:
    """Keeps encoded records per partition; ``available = False`` makes it refuse."""

    def __init__(self, partitions: int = 1) -> None:
        self.partitions: list[list[LogRecord]] = [[] for _ in range(partitions)]
        self.node_records: list[NodeRecord] = []
        self.available = True

    async def append(self, key: UserKey, event: Event, at: Millis) -> Appended:
        """Append one event; see the port."""
        # Any stable spread over partitions serves; Kafka's murmur2 is the Kafka adapter's business.
        return await self.append_to_partition(sum(key.encode()) % len(self.partitions), key, event, at)

    async def append_to_partition(self, partition: int, key: UserKey, event: Event, at: Millis) -> Appended:
        """Append to a partition by number; see the port."""
        self._check()
        records = self.partitions[partition]
        records.append(LogRecord(partition, len(records), at, key.encode(), encode_event(event), HEADERS))
        return Appended(partition, len(records) - 1)

    async def append_everywhere(self, key: UserKey, event: NodeLost, at: Millis) -> list[Appended]:
        """Append a control record to every partition; see the port."""
        return [await self.append_to_partition(p, key, event, at) for p in range(len(self.partitions))]

    async def append_node_record(self, record: NodeRecord) -> Appended:
        """Append to the nodes; see the port."""
        self._check()
        self.node_records.append(record)
        return Appended(0, len(self.node_records) - 1)

    def _check(self) -> None:
        if not self.available:
            raise LogUnavailable("the log in memory was told to refuse")
