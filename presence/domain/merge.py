"""The merge rule: one status out of several sessions and overrides. First that applies wins."""

from collections.abc import Mapping

from msgspec import Struct

from presence.domain.ids import SessionId
from presence.domain.state import Override, Session
from presence.domain.status import Activity, Layer, Status

# Matrix: BUSY > ONLINE > UNAVAILABLE > OFFLINE.
_RANK = {Activity.BUSY: 2, Activity.ACTIVE: 1, Activity.IDLE: 0}

_STRENGTH = {layer: place for place, layer in enumerate(Layer)}


class Merged(Struct, frozen=True, gc=False):
    """The merged status and what decided it: a layer's override or a session; neither when offline."""

    status: Status
    layer: Layer | None = None
    session: SessionId | None = None
    note: str = ""


_OFFLINE = Merged(Status.OFFLINE)


def merge(sessions: Mapping[SessionId, Session], overrides: Mapping[Layer, Override]) -> Merged:
    """Derive the status.

    No session: offline, whatever overrides say. Else admin override > user override > app override > sessions by
    busy > active > idle; ties by last active, then by session id. That an app may never lower dnd or invisible
    follows from the order: both can only come from a layer above it.
    """
    if not sessions:
        return _OFFLINE
    if overrides:
        strongest = min(overrides, key=_STRENGTH.__getitem__)
        override = overrides[strongest]
        return Merged(override.status, strongest, None, override.note)
    if len(sessions) == 1:
        [winner] = sessions
    else:
        winner = max(sessions, key=lambda s: (_RANK[sessions[s].activity], sessions[s].last_active, s))
    return Merged(sessions[winner].activity.status, None, winner)
