"""The history by brute force: the whole log in memory, change points per user, intervals between neighbours."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec

from presence.domain.events import ConnectionLost, Event, NodeLost, SessionClosed, Stamp
from presence.domain.ids import NodeId, UserKey
from presence.domain.partition import PartitionFold
from presence.domain.state import Live, NodeFence, UserPresence
from presence.history import HistoryRows
from presence.ports import LogRecord
from projections.reading import Logged, read
from projections.state import known_of

Compared = dict[str, Any]
_Point = tuple[int, int, Any]
"""(time, offset, what holds from then on)"""


def rows_to_compare(rows: HistoryRows) -> Compared:
    """Tables in a form that does not depend on how they came to be."""
    known = [known_of(row) for row in rows.states]
    return {
        "events": [
            (r.partition, r.offset, r.at, r.tenant, r.user, r.id, r.type, r.session, r.node) for r in rows.events
        ],
        "payloads": [msgspec.json.decode(r.payload) for r in rows.events],
        "sessions": sorted(tuple(msgspec.structs.asdict(row).items()) for row in rows.sessions),
        "statuses": sorted((r.tenant, r.user, r.began, r.ended, r.status, r.began_offset) for r in rows.statuses),
        "last_seen": [(f"{r.tenant}/{r.user}", r.status, r.last_seen, r.last_active) for r in rows.last_seen],
        "users": {f"{r.tenant}/{r.user}": k.presence for r, k in zip(rows.states, known, strict=True) if k.presence},
        "checkpoints": dict(rows.checkpoints),
    }


class _Story:
    """What happened to one user, change by change."""

    def __init__(self) -> None:
        self.clock = 0
        self.statuses: list[_Point] = []
        self.sessions: list[dict[str, Any]] = []
        self.open: dict[str, dict[str, Any]] = {}


def expected_rows(log: Iterable[LogRecord]) -> Compared:
    """What the tables must hold after this log."""
    events, ends = [], dict[int, int]()
    users: dict[UserKey, UserPresence] = {}
    folds: dict[int, PartitionFold] = defaultdict(lambda: PartitionFold(users, dict[NodeId, NodeFence]()))
    stories: dict[UserKey, _Story] = defaultdict(_Story)
    last: dict[UserKey, UserPresence] = {}
    for record in log:
        ends[record.partition] = record.offset
        logged = read(record)
        if not isinstance(logged, Logged):
            continue
        events.append(logged)
        for change in folds[record.partition].apply(logged.key, logged.event, logged.stamp):
            if change.after is not None:
                last[change.key] = change.after
            _tell(stories[change.key], change.key, record.partition, change.before, change.after, logged)
    ordered = sorted(events, key=lambda e: (e.record.partition, e.record.offset))
    return {
        "events": [_event(e) for e in ordered],
        "payloads": [msgspec.json.decode(e.record.value or b"") for e in ordered],
        "sessions": sorted(tuple(s.items()) for story in stories.values() for s in story.sessions),
        "statuses": sorted(s for key, story in stories.items() for s in _intervals(key, story.statuses)),
        "last_seen": [(k, s.status, s.last_seen, s.last_active or None) for k, s in sorted(last.items())],
        "users": dict(users),
        "checkpoints": ends,
    }


def _event(logged: Logged) -> tuple[Any, ...]:
    record, fields = logged.record, msgspec.to_builtins(logged.event)
    tenant, user = (None, None) if fields["type"] == "node_lost" else logged.key.split("/", 1)
    where = (record.partition, record.offset, record.at)
    return (*where, tenant, user, fields["id"], fields["type"], fields.get("session"), fields.get("node"))


def _tell(
    story: _Story, key: str, partition: int, before: UserPresence | None, after: UserPresence | None, logged: Logged
) -> None:
    tenant, user = key.split("/", 1)
    event, stamp = logged.event, logged.stamp
    was = before.sessions if before else {}
    now = after.sessions if after else {}
    for name in was.keys() - now.keys():
        story.clock = max(story.clock, stamp.at)
        row = story.open.pop(name)
        reason = event.reason if isinstance(event, SessionClosed) else "grace_over"
        row |= {"closed_at": stamp.at, "ended": story.clock, "close_reason": reason, "closed_offset": stamp.offset}
    for name in now.keys() - was.keys():
        story.clock = max(story.clock, stamp.at)
        names = {"tenant": tenant, "user": user, "session": name, "opened_offset": stamp.offset, "partition": partition}
        device = {"device": now[name].device, "node": "", "opened_at": stamp.at, "began": story.clock, "reconnects": 0}
        still = {"lost_at": None, "lost_reason": None, "closed_at": None, "ended": None, "close_reason": None}
        story.open[name] = {**names, **device, "rooms": (), "meta": {}, **still, "closed_offset": None}
        story.sessions.append(story.open[name])
    for name, session in now.items():
        row = story.open[name]
        row |= {"rooms": session.rooms, "meta": session.meta, "node": session.life.node, "device": session.device}
        if name in was and session.life != was[name].life:
            _tell_life(row, isinstance(session.life, Live), event, stamp)
    if after is not None and (not story.statuses or story.statuses[-1][2] is not after.status):
        story.clock = max(story.clock, stamp.at)
        story.statuses.append((story.clock, stamp.offset, after.status))


def _tell_life(row: dict[str, Any], is_live: bool, event: Event, stamp: Stamp) -> None:
    if is_live:
        row |= {"reconnects": row["reconnects"] + 1, "lost_at": None, "lost_reason": None}
    else:
        assert isinstance(event, ConnectionLost | NodeLost)
        reason = event.reason.value if isinstance(event, ConnectionLost) else "node_lost"
        row |= {"lost_at": stamp.at, "lost_reason": reason}


def _intervals(key: str, points: list[_Point]) -> list[tuple[Any, ...]]:
    tenant, user = key.split("/", 1)
    ends = [point[0] for point in points[1:]] + [None]
    return [
        (tenant, user, began, ended, status, offset)
        for (began, offset, status), ended in zip(points, ends, strict=True)
        if began != ended
    ]
