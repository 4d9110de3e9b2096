"""The rows of one partition of a table, and what is known of their way into the changelog."""

import asyncio
from collections.abc import Hashable
from typing import Any, Protocol, TypeVar

Row = TypeVar("Row")


class RowCodec(Protocol):
    """How rows become bytes."""

    def encode(self, row: Any) -> bytes:
        """Encode a row for the changelog."""
        ...

    def decode(self, key: str, value: bytes) -> Any:
        """Decode a row of the changelog. Raises on bytes that are no row."""
        ...

    def offset(self, row: Any) -> int:
        """Up to which event a row is folded: of two versions of a row the higher is the newer."""
        ...


class Rows(dict[str, Row]):
    """A dict that notes which of its keys were written since they were last taken."""

    __slots__ = ("dirty", "dirty_last")

    def __init__(self) -> None:
        super().__init__()
        self.dirty: dict[str, Row | None] = {}
        """Key -> row to be written, None for a tombstone. The last write of a key wins."""
        self.dirty_last: dict[str, Row | None] = {}
        """The same, for rows that may only be written when all others are durable."""

    def __setitem__(self, key: str, row: Row) -> None:
        dict.__setitem__(self, key, row)
        self.dirty[key] = row

    def __delitem__(self, key: str) -> None:
        dict.__delitem__(self, key)
        self.dirty[key] = None

    def put_last(self, key: str, row: Row) -> None:
        """Write a row that must not be in the changelog before everything written until now is there."""
        dict.__setitem__(self, key, row)
        self.dirty_last[key] = row

    def load(self, key: str, row: Row) -> None:
        """Put a row in that comes from the changelog."""
        dict.__setitem__(self, key, row)

    def unload(self, key: str) -> None:
        """Take a row out whose tombstone comes from the changelog."""
        dict.pop(self, key, None)


class PartitionState:
    """One partition of the table: its rows, and how far rows and changelog agree."""

    __slots__ = ("failed", "healed", "offset", "partition", "pending", "rows")

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.rows: Rows[Any] = Rows()
        self.offset: int | None = None
        """Changelog offset up to which the rows contain the changelog; None when nothing was read."""
        self.pending: set[asyncio.Future[Any]] = set()
        """Batches on their way."""
        self.failed: set[Hashable] = set()
        """Keys whose batch Kafka did not take: their rows must be written again."""
        self.healed: set[str] = set()
        """Keys for which the changelog ends with an older row than ours."""

    @property
    def is_settled(self) -> bool:
        """Whether the changelog has everything that the rows have."""
        return not (self.pending or self.failed or self.rows.dirty or self.rows.dirty_last)
