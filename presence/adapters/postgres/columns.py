"""Rows of the history as PostgreSQL wants them: one list per column, times as datetimes, lists as array literals."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from presence.domain.ids import Millis
from presence.domain.state import NodeFence
from presence.history import EventRow, LastSeenRow, SessionRow, StateRow, StatusRow

Columns = Sequence[Sequence[Any]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(at: Millis) -> datetime:
    """Milliseconds as a datetime, exactly (floats are not exact)."""
    return _EPOCH + timedelta(milliseconds=at)


def event_records(rows: Iterable[EventRow]) -> list[tuple[Any, ...]]:
    """Tuples for COPY, in the order of ``queries.EVENT_COLUMNS``."""
    return [
        (r.partition, r.offset, moment(r.at), r.tenant, r.user, r.id, r.type, r.session, r.node, r.payload)
        for r in rows
    ]


def session_columns(rows: Sequence[SessionRow]) -> Columns:
    """Arguments of ``UPSERT_SESSIONS``."""
    return _columns(
        (
            r.tenant,
            r.user,
            r.session,
            r.opened_offset,
            r.partition,
            r.device,
            r.node,
            moment(r.opened_at),
            moment(r.began),
            _maybe(r.ended),
            r.reconnects,
            array_literal(r.rooms),
            msgspec.json.encode(r.meta).decode(),
            _maybe(r.lost_at),
            r.lost_reason,
            _maybe(r.closed_at),
            r.close_reason,
            r.closed_offset,
        )
        for r in rows
    )


def status_columns(rows: Sequence[StatusRow]) -> Columns:
    """Arguments of ``UPSERT_STATUSES``."""
    return _columns(
        (
            r.tenant,
            r.user,
            r.began_offset,
            r.partition,
            r.status.value,
            moment(r.began),
            _maybe(r.ended),
            r.ended_offset,
        )
        for r in rows
    )


def last_seen_columns(rows: Sequence[LastSeenRow]) -> Columns:
    """Arguments of ``UPSERT_LAST_SEEN``."""
    return _columns((r.tenant, r.user, r.status.value, _maybe(r.last_seen), _maybe(r.last_active)) for r in rows)


def state_columns(rows: Sequence[StateRow]) -> Columns:
    """Arguments of ``UPSERT_STATES``."""
    return _columns((r.tenant, r.user, r.partition, r.offset, array_literal(r.nodes), r.state.decode()) for r in rows)


def fence_columns(fences: Sequence[tuple[int, NodeFence]]) -> Columns:
    """Arguments of ``UPSERT_FENCES``."""
    return _columns((partition, f.node, f.node_epoch, f.offset) for partition, f in fences)


def array_literal(texts: Iterable[str]) -> str:
    """A ``text[]`` written as text: ``unnest`` would flatten an array of arrays."""
    quoted = ('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return "{" + ",".join(quoted) + "}"


def _columns(rows: Iterable[tuple[Any, ...]]) -> Columns:
    return list(zip(*rows, strict=True))


def _maybe(at: Millis | None) -> datetime | None:
    return None if at is None else moment(at)
