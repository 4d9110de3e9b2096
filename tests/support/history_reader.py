"""Read the history out of PostgreSQL as the rows that were written, each table sorted by its key."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from presence.domain.ids import Millis
from presence.domain.state import NodeFence
from presence.domain.status import Status
from presence.history import EventRow, HistoryRows, LastSeenRow, SessionRow, StateRow, StatusRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def read_history(dsn: str) -> HistoryRows:
    """Everything that is in the tables."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _read(connection)
    finally:
        await connection.close()


async def _read(connection: Any) -> HistoryRows:
    events = await connection.fetch("select * from events order by partition, log_offset")
    sessions = await connection.fetch("select * from session_history order by tenant, user_id, session, opened_offset")
    statuses = await connection.fetch("select * from status_history order by tenant, user_id, began_offset")
    last_seen = await connection.fetch("select * from last_seen order by tenant, user_id")
    states = await connection.fetch("select * from history_state order by tenant, user_id")
    fences = await connection.fetch("select * from history_fences order by partition, node")
    checkpoints = await connection.fetch("select * from checkpoints order by partition")
    return HistoryRows(
        events=[_event(row) for row in events],
        sessions=[_session(row) for row in sessions],
        statuses=[_status(row) for row in statuses],
        last_seen=[
            LastSeenRow(r["tenant"], r["user_id"], Status(r["status"]), _ms(r["last_seen"]), _ms(r["last_active"]))
            for r in last_seen
        ],
        states=[
            StateRow(r["tenant"], r["user_id"], r["partition"], r["log_offset"], tuple(r["nodes"]), r["state"].encode())
            for r in states
        ],
        fences=[(r["partition"], NodeFence(r["log_offset"], r["node"], r["node_epoch"])) for r in fences],
        checkpoints={r["partition"]: r["log_offset"] for r in checkpoints},
    )


def _event(r: Any) -> EventRow:
    where = (r["partition"], r["log_offset"], _at(r["at"]))
    return EventRow(*where, r["tenant"], r["user_id"], r["event_id"], r["type"], r["session"], r["node"], r["payload"])


def _session(r: Any) -> SessionRow:
    # An empty range has lost its bounds: they were where the interval began.
    opened, closed = _at(r["opened_at"]), _ms(r["closed_at"])
    period = r["period"]
    began = opened if period.isempty else _at(period.lower)
    ended = began if period.isempty else _ms(period.upper)
    return SessionRow(
        *(r["tenant"], r["user_id"], r["session"], r["opened_offset"], r["partition"], r["device"], r["node"]),
        *(opened, began, r["reconnects"], tuple(r["rooms"]), msgspec.json.decode(r["meta"])),
        *(_ms(r["lost_at"]), r["lost_reason"], closed, ended, r["close_reason"], r["closed_offset"]),
    )


def _status(r: Any) -> StatusRow:
    return StatusRow(
        *(r["tenant"], r["user_id"], r["began_offset"], r["partition"], Status(r["status"])),
        *(_at(r["period"].lower), _ms(r["period"].upper), r["ended_offset"]),
    )


def _at(moment: datetime) -> Millis:
    return Millis((moment - _EPOCH) // timedelta(milliseconds=1))


def _ms(moment: datetime | None) -> Millis | None:
    return None if moment is None else _at(moment)
