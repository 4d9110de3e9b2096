"""From one change of a user to the intervals of sessions and statuses: when they begin, change and end.

Event times may run backwards (two edges, two clocks). Bounds do not: each is at least the user's latest bound so far.
So no two intervals overlap and none ends before it begins; what the events said stays in ``opened_at``/``closed_at``.
"""

from msgspec.structs import replace

from presence.domain.events import ConnectionLost, Event, NodeLost, SessionClosed, Stamp
from presence.domain.ids import Millis, SessionId, UserKey, split_key
from presence.domain.partition import Change
from presence.domain.state import Lost, Session, UserPresence
from presence.history import SessionRow, StatusRow
from projections.effects import Effects
from projections.state import OpenSession, OpenStatus, Track


def advance(track: Track, change: Change, event: Event, stamp: Stamp, effects: Effects) -> Track:
    """The user's intervals after a change; rows that changed go into ``effects``."""
    before, after = change.before, change.after
    if before is None or after is None or before.sessions is not after.sessions:
        track = _advance_sessions(track, change, event, stamp, effects)
    if after is not None and (track.status is None or track.status.status is not after.status):
        track = _advance_status(track, change.key, after, stamp, effects)
    return track


def _advance_sessions(track: Track, change: Change, event: Event, stamp: Stamp, effects: Effects) -> Track:
    before = change.before.sessions if change.before else {}
    after = change.after.sessions if change.after else {}
    for name, session in before.items():
        if name not in after:
            track = _close(track, change.key, name, session, event, stamp, effects)
    for name, session in after.items():
        if name not in before:
            track = _open(track, change.key, name, session, stamp, effects)
        elif session is not before[name]:
            track = _change(track, change.key, name, before[name], session, event, stamp, effects)
    return track


def _open(track: Track, key: UserKey, name: SessionId, session: Session, stamp: Stamp, effects: Effects) -> Track:
    began = _bound(track, stamp)
    opened = OpenSession(stamp.offset, began)
    effects.session(_session_row(track, key, name, session, opened))
    return replace(track, clock=began, sessions=track.sessions | {name: opened})


def _change(
    track: Track,
    key: UserKey,
    name: SessionId,
    before: Session,
    after: Session,
    event: Event,
    stamp: Stamp,
    effects: Effects,
) -> Track:
    opened = track.sessions[name]
    if after.life != before.life:
        if isinstance(after.life, Lost):
            opened = replace(opened, lost_at=stamp.at, lost_reason=_lost_reason(event))
        else:
            opened = replace(opened, reconnects=opened.reconnects + 1, lost_at=None, lost_reason=None)
        track = replace(track, sessions=track.sessions | {name: opened})
    elif (before.device, before.rooms, before.meta) == (after.device, after.rooms, after.meta):
        return track
    effects.session(_session_row(track, key, name, after, opened))
    return track


def _close(
    track: Track, key: UserKey, name: SessionId, session: Session, event: Event, stamp: Stamp, effects: Effects
) -> Track:
    ended = _bound(track, stamp)
    reason = event.reason.value if isinstance(event, SessionClosed) else "grace_over"
    row = _session_row(track, key, name, session, track.sessions[name])
    effects.session(replace(row, closed_at=stamp.at, ended=ended, close_reason=reason, closed_offset=stamp.offset))
    return replace(track, clock=ended, sessions={s: o for s, o in track.sessions.items() if s != name})


def _advance_status(track: Track, key: UserKey, after: UserPresence, stamp: Stamp, effects: Effects) -> Track:
    at = _bound(track, stamp)
    tenant, user = split_key(key)
    if track.status is not None:
        last = track.status
        effects.status(
            StatusRow(tenant, user, last.began_offset, track.partition, last.status, last.began, at, stamp.offset)
        )
    effects.status(StatusRow(tenant, user, stamp.offset, track.partition, after.status, at))
    return replace(track, clock=at, status=OpenStatus(after.status, at, stamp.offset))


def _session_row(track: Track, key: UserKey, name: SessionId, session: Session, opened: OpenSession) -> SessionRow:
    tenant, user = split_key(key)
    return SessionRow(
        tenant,
        user,
        name,
        opened.opened_offset,
        track.partition,
        session.device,
        session.life.node,
        session.opened_at,
        opened.began,
        opened.reconnects,
        session.rooms,
        session.meta,
        opened.lost_at,
        opened.lost_reason,
    )


def _bound(track: Track, stamp: Stamp) -> Millis:
    return max(track.clock, stamp.at)


def _lost_reason(event: Event) -> str | None:
    match event:
        case ConnectionLost(reason=reason):
            return reason.value
        case NodeLost():
            return "node_lost"
        case _:
            return None
