"""What watchers see: the presence of a user or of a room's occupant, by audience, and the diffs between two of them.

An invisible user looks exactly like an offline one to the public audience: same fields, same ``last_seen``, and no
diff while invisible, since both sides of every change look alike.
"""

from enum import StrEnum

from msgspec import Struct

from presence.domain.events import Meta
from presence.domain.ids import DeviceId, Millis, RoomId, SessionId
from presence.domain.merge import merge
from presence.domain.state import Session, UserPresence
from presence.domain.status import Activity, Status


class Audience(StrEnum):
    """Who looks. Diffs are computed and encoded once per audience."""

    PUBLIC = "public"
    FULL = "full"  # sees through invisible


class Device(Struct, frozen=True, gc=False):
    """One session as watchers see it."""

    session: SessionId
    device: DeviceId
    activity: Activity
    since: Millis
    meta: Meta = {}


class Presence(Struct, frozen=True, gc=False, omit_defaults=True):
    """One user as watchers see it. ``since`` and ``last_seen`` are ms since 1970."""

    status: Status
    since: Millis | None = None
    """When this status began; None when offline (``last_seen`` says more)."""
    note: str = ""
    devices: tuple[Device, ...] = ()
    last_seen: Millis | None = None
    """Only when offline."""


OFFLINE = Presence(Status.OFFLINE)


class DiffKind(StrEnum):
    """How a user changed in the eyes of a watcher."""

    JOIN = "join"
    UPDATE = "update"
    LEAVE = "leave"


def view_user(state: UserPresence | None, audience: Audience) -> Presence:
    """What ``audience`` sees of a user."""
    if state is None:
        return OFFLINE
    if not _is_seen(state, audience):
        return Presence(Status.OFFLINE, last_seen=state.last_seen)
    return _present(state, state.sessions, audience)


def view_in_room(state: UserPresence | None, room: RoomId, audience: Audience) -> Presence | None:
    """What ``audience`` sees of a user in a room: only the sessions there; None when not there."""
    if state is None or not _is_seen(state, audience):
        return None
    inside = {name: session for name, session in state.sessions.items() if room in session.rooms}
    if not inside:
        return None
    return _present(state, inside, audience)


def rooms_of(state: UserPresence | None) -> frozenset[RoomId]:
    """All rooms in which the user has a session."""
    if state is None:
        return frozenset()
    return frozenset(room for session in state.sessions.values() for room in session.rooms)


def diff(before: Presence | None, after: Presence | None) -> DiffKind | None:
    """How a watcher's picture of one user changes; None when it does not. None and offline mean absent."""
    was = before is not None and before.status is not Status.OFFLINE
    is_now = after is not None and after.status is not Status.OFFLINE
    if was and is_now:
        return None if before == after else DiffKind.UPDATE
    if is_now:
        return DiffKind.JOIN
    return DiffKind.LEAVE if was else None


def _is_seen(state: UserPresence, audience: Audience) -> bool:
    if audience is Audience.FULL:
        return state.status is not Status.OFFLINE
    return state.status.is_visible


def _present(state: UserPresence, sessions: dict[SessionId, Session], audience: Audience) -> Presence:
    # A device that was there while its user was invisible seems to come when the user does.
    not_before = state.visible_since if audience is Audience.PUBLIC else None
    devices = tuple(
        Device(name, s.device, s.activity, max(s.opened_at, not_before or s.opened_at), s.meta)
        for name, s in sorted(sessions.items())
    )
    note = merge(state.sessions, state.overrides).note if state.overrides else ""
    return Presence(state.status, state.since, note, devices)
