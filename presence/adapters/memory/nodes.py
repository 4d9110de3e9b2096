"""The feed of ``presence-nodes`` in memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from presence.domain.ids import Millis
from presence.domain.leases import NodeRecord


class MemoryNodeFeed:
    """Keeps every record; whoever appends publishes here."""

    def __init__(self) -> None:
        self._records: list[tuple[Millis, NodeRecord]] = []
        self._changed = asyncio.Event()

    def publish(self, at: Millis, record: NodeRecord) -> None:
        """Append a record."""
        self._records.append((at, record))
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def read_all(self) -> Sequence[tuple[Millis, NodeRecord]]:
        """Everything that is there now; see the port."""
        return list(self._records)

    async def follow(self) -> AsyncIterator[tuple[Millis, NodeRecord]]:
        """Yield what is there, then what comes; see the port."""
        read = 0
        while True:
            changed = self._changed
            while read < len(self._records):
                read += 1
                yield self._records[read - 1]
            await changed.wait()
