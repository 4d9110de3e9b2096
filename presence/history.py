"""Port of the history tables: the rows a projection writes and the transaction it writes them in.

Rows are complete: the last one of a key replaces what the tables hold under it, so a store only has to upsert.
Times are ms since 1970; ``ended`` None is an interval that lasts.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from msgspec import Struct

from presence.domain.events import Meta
from presence.domain.ids import DeviceId, EventId, Millis, NodeId, RoomId, SessionId, TenantId, UserId, UserKey
from presence.domain.state import NodeFence
from presence.domain.status import Status


class EventRow(Struct, frozen=True, gc=False):
    """One event of the log. Control events have no tenant and no user."""

    partition: int
    offset: int
    at: Millis
    tenant: TenantId | None
    user: UserId | None
    id: EventId
    type: str
    session: SessionId | None
    node: NodeId | None
    payload: str
    """The JSON as it stands in the log."""


class SessionRow(Struct, frozen=True):
    """One session from its opening to its end. Key: tenant, user, session, ``opened_offset``.

    ``began`` and ``ended`` bound the interval and never run backwards; ``opened_at`` and ``closed_at`` are what the
    events say. The interval is empty when both bounds are equal.
    """

    tenant: TenantId
    user: UserId
    session: SessionId
    opened_offset: int
    partition: int
    device: DeviceId
    node: NodeId
    opened_at: Millis
    began: Millis
    reconnects: int
    rooms: tuple[RoomId, ...]
    meta: Meta
    lost_at: Millis | None = None
    lost_reason: str | None = None
    closed_at: Millis | None = None
    ended: Millis | None = None
    close_reason: str | None = None
    closed_offset: int | None = None


class StatusRow(Struct, frozen=True, gc=False):
    """A status from one change to the next, never empty. Key: tenant, user, ``began_offset``."""

    tenant: TenantId
    user: UserId
    began_offset: int
    partition: int
    status: Status
    began: Millis
    ended: Millis | None = None
    ended_offset: int | None = None


class LastSeenRow(Struct, frozen=True, gc=False):
    """The newest that is known of a user. Key: tenant, user."""

    tenant: TenantId
    user: UserId
    status: Status
    last_seen: Millis | None
    last_active: Millis | None


class StateRow(Struct, frozen=True, gc=False):
    """What the projection must remember of a user, opaque to the store. Key: tenant, user."""

    tenant: TenantId
    user: UserId
    partition: int
    offset: int
    nodes: tuple[NodeId, ...]
    """Nodes that hold sessions of the user."""
    state: bytes
    """JSON; comes back byte by byte."""


StatusKey = tuple[TenantId, UserId, int]


class HistoryRows(Struct, frozen=True):
    """All that one batch writes; each sequence is in log order and has a key at most once."""

    events: Sequence[EventRow] = ()
    sessions: Sequence[SessionRow] = ()
    statuses: Sequence[StatusRow] = ()
    void_statuses: Sequence[StatusKey] = ()
    """Rows to delete first: statuses that turned out to have lasted no time."""
    last_seen: Sequence[LastSeenRow] = ()
    states: Sequence[StateRow] = ()
    fences: Sequence[tuple[int, NodeFence]] = ()
    """(partition, fence)"""
    checkpoints: Mapping[int, int] = {}
    """Partition -> the last offset whose effects these rows complete."""


class HistoryTransaction(Protocol):
    """A running transaction: the only one that writes its partitions until it ends."""

    @property
    def checkpoints(self) -> Mapping[int, int]:
        """Per partition asked for, the last offset written; -1 before the first."""
        ...

    async def load_states(self, users: Collection[UserKey], nodes: Collection[tuple[int, NodeId]]) -> list[StateRow]:
        """The states of these users, and of all users of a partition that have a session on a node."""
        ...

    async def load_fences(self, partitions: Collection[int]) -> list[tuple[int, NodeFence]]:
        """All fences of these partitions."""
        ...

    async def write(self, rows: HistoryRows) -> None:
        """Write all of the rows, or none and leave the transaction usable.

        Raises:
            HistoryRefused: the store will never accept these rows.
        """
        ...


class HistoryTables(Protocol):
    """The tables of one history."""

    def transaction(
        self, partitions: Collection[int], days: Collection[int]
    ) -> AbstractAsyncContextManager[HistoryTransaction]:
        """Lock the checkpoints of ``partitions``; commit at the end of the block, roll back if it raises.

        ``days`` since 1970 are those of the events to come, so that the store can make room for them.

        Raises:
            HistoryUnavailable: the store is away, or somebody else holds a partition for too long. Nothing was
                written, unless the connection broke during the commit: the checkpoints tell.
        """
        ...
