"""A changelog in memory: a test, or a worker in the same process, publishes rows; any number follow."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from presence.domain.errors import LogUnavailable
from presence.ports import ChangelogBatch

_Row = tuple[int, bytes, bytes | None]


class MemoryChangelog:
    """Keeps every row, uncompacted. ``available = False`` stops following and makes questions fail."""

    def __init__(self, partitions: int = 1, feed: str = "memory") -> None:
        self.partitions: list[list[_Row]] = [[] for _ in range(partitions)]
        self.feed = feed
        self._available = True
        self._changed = asyncio.Event()
        self._positions: dict[int, int] = dict.fromkeys(range(partitions), 0)

    @property
    def available(self) -> bool:
        """Whether it answers."""
        return self._available

    @available.setter
    def available(self, value: bool) -> None:
        self._available = value
        self._wake()

    def publish(self, partition: int, key: bytes, value: bytes | None) -> int:
        """Append a row; returns its offset."""
        rows = self.partitions[partition]
        rows.append((len(rows), key, value))
        self._wake()
        return len(rows) - 1

    def create_anew(self, feed: str) -> None:
        """Replace the feed by an empty one, as if the topic had been deleted and created."""
        self.partitions = [[] for _ in self.partitions]
        self.feed = feed
        self._wake()

    async def feed_epoch(self) -> str:
        """The incarnation; see the port."""
        self._check()
        return self.feed

    async def high_water(self) -> Mapping[int, int]:
        """The ends; see the port."""
        self._check()
        return {partition: len(rows) for partition, rows in enumerate(self.partitions)}

    async def follow(self) -> AsyncIterator[Sequence[ChangelogBatch]]:
        """Yield what is there, then what comes; see the port. Raises `LogUnavailable` when it was created anew."""
        self._check()
        feed = self.feed
        # Each follower has its own; `positions` tells of the last one that began.
        positions = self._positions = dict.fromkeys(range(len(self.partitions)), 0)
        while True:
            changed = self._changed
            if self._available:
                if self.feed != feed:
                    raise LogUnavailable("the changelog was created anew")
                batches = self._take(positions)
                if batches:
                    yield batches
                    continue
            await changed.wait()

    def positions(self) -> Mapping[int, int]:
        """The next offsets of the last follower; see the port."""
        return self._positions

    def _take(self, positions: dict[int, int]) -> list[ChangelogBatch]:
        batches = []
        for partition, rows in enumerate(self.partitions):
            new = rows[positions[partition] :]
            if new:
                positions[partition] += len(new)
                batches.append(ChangelogBatch(partition, new))
        return batches

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _check(self) -> None:
        if not self._available:
            raise LogUnavailable("the changelog in memory was told to refuse")
