"""What will happen to a user because time passes, and the events that say it did.

The worker that owns a partition keeps the earliest deadline of each user; when it is due it *appends* the events of
`expiries` to the log. Nothing here is folded directly: an event that arrives meanwhile makes the expiry void.
"""

from presence.domain.events import GraceOver, OverrideOver, RetentionOver, UserEvent
from presence.domain.ids import EventId, Millis
from presence.domain.state import Lost, UserPresence


def earliest_deadline(state: UserPresence, retention_ms: Millis) -> Millis | None:
    """The next instant at which `expiries` would return something; None when only events can change this user."""
    times = [override.until for override in state.overrides.values()]
    times += [s.life.until for s in state.sessions.values() if isinstance(s.life, Lost)]
    if not state.sessions:
        times.append(_retained_until(state, retention_ms))
    return min(times, default=None)


def expiries(state: UserPresence, now: Millis, retention_ms: Millis) -> list[UserEvent]:
    """The expiry events due at ``now``, each carrying what it observed.

    Ids are made of what was observed, so that two workers that see the same expiry write the same event. They are
    unique among the events of the user, not beyond.
    """
    due: list[UserEvent] = [
        GraceOver(EventId(f"grace_over/{name}/{session.life.offset}"), name, session.life.offset)
        for name, session in state.sessions.items()
        if isinstance(session.life, Lost) and session.life.until <= now
    ]
    due += [
        OverrideOver(EventId(f"override_over/{layer.value}/{o.offset}"), layer, o.offset)
        for layer, o in state.overrides.items()
        if o.until <= now
    ]
    if not due and not state.sessions and _retained_until(state, retention_ms) <= now:
        due.append(RetentionOver(EventId(f"retention_over/{state.offset}"), state.offset))
    return due


def _retained_until(state: UserPresence, retention_ms: Millis) -> Millis:
    """Offline users are kept for the retention, and for as long as an override of theirs may apply."""
    return max([Millis(state.since + retention_ms), *(o.until for o in state.overrides.values())])
