"""Effects: what a run of events does to the history tables, gathered so that each row is written once."""

from presence.domain.events import Event
from presence.domain.ids import CONTROL_MARK, NodeId, SessionId, TenantId, UserId, UserKey, split_key
from presence.domain.state import NodeFence, UserPresence
from presence.history import (
    EventRow,
    HistoryRows,
    LastSeenRow,
    SessionRow,
    StateRow,
    StatusKey,
    StatusRow,
)
from projections.reading import Logged

SessionKey = tuple[TenantId, UserId, SessionId, int]


class Effects:
    """Rows by key, in the order they were first touched; the last row of a key stands."""

    def __init__(self) -> None:
        self._events: list[EventRow] = []
        # First touched, first written: a session's earlier row must end before its next one begins.
        self._sessions: dict[SessionKey, SessionRow] = {}
        self._statuses: dict[StatusKey, StatusRow] = {}
        self._void_statuses: list[StatusKey] = []
        self._last_seen: dict[UserKey, LastSeenRow] = {}
        self._fences: dict[tuple[int, NodeId], NodeFence] = {}

    def event(self, logged: Logged) -> None:
        """Keep the event itself."""
        self._events.append(event_row(logged))

    def session(self, row: SessionRow) -> None:
        """Write a session as it is now."""
        self._sessions[row.tenant, row.user, row.session, row.opened_offset] = row

    def status(self, row: StatusRow) -> None:
        """Write a status as it is now; one that ended when it began is no row at all."""
        key = (row.tenant, row.user, row.began_offset)
        if row.ended != row.began:
            self._statuses[key] = row
        elif self._statuses.pop(key, None) is None:
            self._void_statuses.append(key)

    def last_seen(self, key: UserKey, before: UserPresence | None, after: UserPresence) -> None:
        """Write when the user was seen last, if that changed."""
        if before is None or (before.status, before.last_seen, before.last_active) != (
            after.status,
            after.last_seen,
            after.last_active,
        ):
            tenant, user = split_key(key)
            self._last_seen[key] = LastSeenRow(tenant, user, after.status, after.last_seen, after.last_active or None)

    def fence(self, partition: int, fence: NodeFence) -> None:
        """Write how far a node is fenced."""
        self._fences[partition, fence.node] = fence

    def rows(self, states: list[StateRow]) -> HistoryRows:
        """Everything, with the states that complete it."""
        return HistoryRows(
            events=self._events,
            sessions=list(self._sessions.values()),
            statuses=list(self._statuses.values()),
            void_statuses=self._void_statuses,
            last_seen=list(self._last_seen.values()),
            states=states,
            fences=[(partition, fence) for (partition, _), fence in self._fences.items()],
        )


def event_row(logged: Logged) -> EventRow:
    """The event as a row, with its JSON as it stands in the log."""
    record, event = logged.record, logged.event
    tenant, user = (None, None) if logged.key.startswith(CONTROL_MARK) else split_key(logged.key)
    return EventRow(
        record.partition,
        record.offset,
        record.at,
        tenant,
        user,
        event.id,
        event_type(event),
        getattr(event, "session", None),
        getattr(event, "node", None),
        (record.value or b"").decode(),
    )


def event_type(event: Event) -> str:
    """The name of the event's type in the log."""
    return str(event.__struct_config__.tag)
