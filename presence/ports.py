"""Ports: what the tiers need from the world, each a small protocol. Adapters are in ``presence/adapters``.

Every port has a contract suite in ``tests/contract`` that all its adapters pass, the in-memory ones too.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from presence.domain.events import Event, NodeLost
from presence.domain.ids import Millis, TenantId, UserId, UserKey
from presence.domain.leases import NodeRecord


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> Millis:
        """Wall-clock time, ms since 1970 UTC: for timestamps."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back: for measuring and deadlines."""
        ...


class IdSource(Protocol):
    """Where unique ids come from."""

    def new_id(self) -> str:
        """A fresh id, unique for ever, of 1 to 36 characters ``[0-9a-z-]``; later ones sort later."""
        ...


class Appended(Struct, frozen=True):
    """Proof that a record is durable, and where."""

    partition: int
    offset: int


class EventLog(Protocol):
    """Append to the log. Returns only when the record is durable on every in-sync replica."""

    async def append(self, key: UserKey, event: Event, at: Millis) -> Appended:
        """Append one event of a user.

        Raises:
            LogUnavailable: no acknowledgement within the deadline. The event may or may not be in the log.
        """
        ...

    async def append_to_partition(self, partition: int, key: UserKey, event: Event, at: Millis) -> Appended:
        """Append to a partition by number: expiries go where the user's row is. Raises `LogUnavailable` likewise."""
        ...

    async def append_everywhere(self, key: UserKey, event: NodeLost, at: Millis) -> Sequence[Appended]:
        """Append a control record to every partition; returns when all are durable. Raises `LogUnavailable`."""
        ...

    async def append_node_record(self, record: NodeRecord) -> Appended:
        """Append to ``presence-nodes``. Raises `LogUnavailable` likewise."""
        ...


class Claims(Struct, frozen=True):
    """What a verified token says."""

    tenant: TenantId
    user: UserId
    scopes: frozenset[str] = frozenset()
    expires_at: Millis | None = None


class TokenVerifier(Protocol):
    """Turn a token into claims."""

    async def verify(self, token: str, now: Millis) -> Claims:
        """Verify signature, times and claims. Raises `InvalidToken`."""
        ...


class LogRecord(Struct, frozen=True, gc=False):
    """One raw record of ``presence-events`` as it was fetched; bytes untouched."""

    partition: int
    offset: int
    at: Millis
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class DeadLetter(Struct, frozen=True):
    """A record that could not be folded, and why."""

    record: LogRecord
    stage: str
    """Which fold refused it: ``table`` or ``history``."""
    reason: str
    """One word of the list in docs/reference/dead-letters.md."""
    detail: str


class DeadLetters(Protocol):
    """Keep what could not be folded."""

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Store durably or raise `LogUnavailable`: the caller must not go on past an unkept letter."""
        ...


class NodeFeed(Protocol):
    """Follow ``presence-nodes``."""

    async def read_all(self) -> Sequence[tuple[Millis, NodeRecord]]:
        """Everything that is there now, in order, with its broker timestamp. Undecodable records are skipped."""
        ...

    def follow(self) -> AsyncIterator[tuple[Millis, NodeRecord]]:
        """Yield what is there from the beginning, then what comes. Ends only by cancellation."""
        ...


class HistoryStore(Protocol):
    """The history of everybody, written in batches."""

    async def write(self, records: Sequence[LogRecord]) -> Sequence[DeadLetter]:
        """Write effects and checkpoints of these records in one transaction; return those that cannot be kept.

        Records at or below the checkpoint of their partition are skipped, so a batch may be handed in twice.

        Raises:
            HistoryUnavailable: the store is away; nothing of the batch was written.
        """
        ...


class ChangelogBatch(Struct, frozen=True):
    """Rows of ``presence-users-changelog`` in the order of one partition. A value None is a tombstone."""

    partition: int
    rows: Sequence[tuple[int, bytes, bytes | None]]
    """(offset, key, value)"""


class Changelog(Protocol):
    """Follow the changelog from its beginning."""

    async def feed_epoch(self) -> str:
        """The incarnation of the feed: changes when the topic is created anew, so that old positions are void."""
        ...

    async def high_water(self) -> Mapping[int, int]:
        """Per partition, the offset after the last record that is there now."""
        ...

    def follow(self) -> AsyncIterator[Sequence[ChangelogBatch]]:
        """Yield what is there, then what comes. Ends only by cancellation; reconnects by itself."""
        ...

    def positions(self) -> Mapping[int, int]:
        """Per partition, the next offset to be yielded (moves over holes and control records too).

        Of the following that began last: from its first step on, nothing is left of an earlier one.
        """
        ...
