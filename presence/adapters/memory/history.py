"""The history tables in memory, with the transactions and the constraints of the real ones."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from presence.domain.errors import HistoryRefused, HistoryUnavailable
from presence.domain.ids import Millis, NodeId, UserKey, user_key
from presence.domain.state import NodeFence
from presence.history import (
    EventRow,
    HistoryRows,
    HistoryTransaction,
    LastSeenRow,
    SessionRow,
    StateRow,
    StatusRow,
)

T = TypeVar("T")

_KEY_MAX_BYTES = 2_700
"""What a B-tree of PostgreSQL holds, roughly."""


@dataclass(frozen=True)
class Tables:
    """Rows by primary key."""

    events: dict[tuple[int, int], EventRow] = field(default_factory=dict)
    sessions: dict[tuple[str, str, str, int], SessionRow] = field(default_factory=dict)
    statuses: dict[tuple[str, str, int], StatusRow] = field(default_factory=dict)
    last_seen: dict[UserKey, LastSeenRow] = field(default_factory=dict)
    states: dict[UserKey, StateRow] = field(default_factory=dict)
    fences: dict[tuple[int, NodeId], NodeFence] = field(default_factory=dict)
    checkpoints: dict[int, int] = field(default_factory=dict)

    def copy(self) -> "Tables":
        """A copy that shares rows, not tables."""
        return replace(self, **{name: dict(table) for name, table in vars(self).items()})

    def rows(self) -> HistoryRows:
        """Everything, each table sorted by its key."""
        return HistoryRows(
            events=_sorted(self.events),
            sessions=_sorted(self.sessions),
            statuses=_sorted(self.statuses),
            last_seen=_sorted(self.last_seen),
            states=_sorted(self.states),
            fences=[(partition, fence) for (partition, _), fence in sorted(self.fences.items())],
            checkpoints=dict(sorted(self.checkpoints.items())),
        )


class MemoryHistoryTables:
    """The port `presence.history.HistoryTables`; ``available = False`` makes it refuse."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.available = True
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def transaction(
        self, partitions: Collection[int], days: Collection[int]
    ) -> AsyncIterator[HistoryTransaction]:
        """See the port. One transaction at a time, whatever its partitions."""
        _ = days
        async with self._turn:
            if not self.available:
                raise HistoryUnavailable("the history in memory was told to refuse")
            draft = MemoryHistoryTransaction(self.tables, partitions)
            yield draft
            self.tables = draft.tables


class MemoryHistoryTransaction:
    """The port `presence.history.HistoryTransaction` over a copy of the tables."""

    def __init__(self, tables: Tables, partitions: Collection[int]) -> None:
        self.tables = tables.copy()
        self._checkpoints = {p: self.tables.checkpoints.setdefault(p, -1) for p in partitions}

    @property
    def checkpoints(self) -> Mapping[int, int]:
        """See the port."""
        return self._checkpoints

    async def load_states(self, users: Collection[UserKey], nodes: Collection[tuple[int, NodeId]]) -> list[StateRow]:
        """See the port."""
        wanted = set(users)
        return [
            row
            for key, row in self.tables.states.items()
            if key in wanted or any(row.partition == partition and node in row.nodes for partition, node in nodes)
        ]

    async def load_fences(self, partitions: Collection[int]) -> list[tuple[int, NodeFence]]:
        """See the port."""
        return [(partition, fence) for (partition, _), fence in self.tables.fences.items() if partition in partitions]

    async def write(self, rows: HistoryRows) -> None:
        """See the port."""
        draft = self.tables.copy()
        for event in rows.events:
            _check_event(draft, event)
            draft.events[event.partition, event.offset] = event
        for key in rows.void_statuses:
            draft.statuses.pop(key, None)
        for session in rows.sessions:
            _check_key(session.tenant, session.user, session.session)
            draft.sessions[session.tenant, session.user, session.session, session.opened_offset] = session
        for status in rows.statuses:
            draft.statuses[status.tenant, status.user, status.began_offset] = status
        _check_intervals(draft, rows)
        draft.last_seen.update({user_key(row.tenant, row.user): row for row in rows.last_seen})
        draft.states.update({user_key(row.tenant, row.user): row for row in rows.states})
        draft.fences.update({(partition, fence.node): fence for partition, fence in rows.fences})
        draft.checkpoints.update(rows.checkpoints)
        self.tables = draft


def _check_key(*parts: str) -> None:
    if sum(len(part.encode()) for part in parts) > _KEY_MAX_BYTES:
        raise HistoryRefused("the key is too long for an index")


def _check_event(tables: Tables, event: EventRow) -> None:
    if (event.partition, event.offset) in tables.events:
        raise HistoryRefused(f"event {event.partition}/{event.offset} is there already")


def _check_intervals(tables: Tables, rows: HistoryRows) -> None:
    """No two intervals of a session, nor of a user's statuses, overlap; and every status lasts."""
    sessions = {(row.tenant, row.user, row.session) for row in rows.sessions}
    statuses = {(row.tenant, row.user) for row in rows.statuses}
    if any(row.began == row.ended for row in rows.statuses):
        raise HistoryRefused("a status that lasted no time")
    for session in sessions:
        _check_no_overlap([(r.began, r.ended) for key, r in tables.sessions.items() if key[:3] == session])
    for user in statuses:
        _check_no_overlap([(r.began, r.ended) for key, r in tables.statuses.items() if key[:2] == user])


def _check_no_overlap(intervals: Iterable[tuple[Millis, Millis | None]]) -> None:
    lasting = sorted((began, ended) for began, ended in intervals if began != ended)
    for (_, ended), (began, _) in itertools.pairwise(lasting):
        if ended is None or ended > began:
            raise HistoryRefused("intervals overlap")


def _sorted(table: Mapping[Any, T]) -> list[T]:
    return [table[key] for key in sorted(table)]
