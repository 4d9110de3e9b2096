"""State: what is known of one user after folding events up to an offset. Rows of the table ``users``.

Session life is a small state machine; `TRANSITIONS` is the whole of it, the fold obeys it and
``docs/explanation/architecture.md`` draws it from here.
"""

from enum import StrEnum

from msgspec import Struct

from presence.domain.events import Meta
from presence.domain.ids import ConnectionId, DeviceId, Millis, NodeEpoch, NodeId, RoomId, SessionId
from presence.domain.status import Activity, Layer, Status


class Live(Struct, frozen=True, gc=False, tag_field="life", tag="live"):
    """The session has a connection on a node that vouches for it."""

    connection: ConnectionId
    node: NodeId
    node_epoch: NodeEpoch


class Lost(Struct, frozen=True, gc=False, tag_field="life", tag="lost"):
    """The connection died; the session still counts as present ``until`` its grace is over."""

    connection: ConnectionId
    node: NodeId
    node_epoch: NodeEpoch
    until: Millis
    offset: int
    """Offset of the event that lost it: what a `GraceOver` must have observed."""


class Session(Struct, frozen=True, gc=False):
    """One device's presence. A closed session is no longer in the state."""

    device: DeviceId
    opened_at: Millis
    life: Live | Lost
    activity: Activity
    last_active: Millis
    rooms: tuple[RoomId, ...] = ()
    """Sorted, without repeats."""
    meta: Meta = {}


class Override(Struct, frozen=True, gc=False):
    """A status set by hand until a time."""

    status: Status
    until: Millis
    offset: int
    note: str = ""
    by: str = ""


class UserPresence(Struct, frozen=True, gc=False):
    """Everything known of one user. ``status`` is derived by `presence.domain.merge`."""

    offset: int
    """Offset of the last event folded in: events at or below it are skipped."""
    status: Status
    since: Millis
    """When ``status`` last changed."""
    sessions: dict[SessionId, Session] = {}
    overrides: dict[Layer, Override] = {}
    last_active: Millis = Millis(0)
    """In buckets of `LAST_ACTIVE_BUCKET_MS`; 0 when never."""
    last_seen: Millis | None = None
    """When the user last stopped being visibly present; None when never visible. Invisible does not move it."""
    visible_since: Millis | None = None
    """When the user last became visibly present; None while they are not."""


class NodeFence(Struct, frozen=True, gc=False):
    """A partition's memory of a lost node: openings by this epoch or an older one come too late."""

    offset: int
    node: NodeId
    node_epoch: NodeEpoch
    earlier: tuple[tuple[int, NodeEpoch], ...] = ()
    """(offset, epoch) of the fences before this one, newest first, at most `FENCE_MEMORY`: a record that is delivered
    again, after a crash that kept the fence and not the rows, is judged by the fence of its own time."""


FENCE_MEMORY = 64
"""Lost epochs of one node that are remembered beside the last. A redelivery reaches back the records of a second, and
a worker that catches up folds a day of the log in it: as many times may a node have been lost in that day. Eight were
too few in a test of ours. Half would still do; double would only grow the rows of nodes that crash in a loop."""

LAST_ACTIVE_BUCKET_MS = 60_000
"""Granularity of ``last_active`` (Matrix uses the same minute). Half: twice the events; double: "active now" lies."""


class Life(StrEnum):
    """States of a session's life, for the table below."""

    NONE = "none"
    LIVE = "live"
    LOST = "lost"
    CLOSED = "closed"


TRANSITIONS: dict[tuple[Life, str], Life] = {
    (Life.NONE, "session_opened"): Life.LIVE,
    (Life.LIVE, "session_opened"): Life.LIVE,
    (Life.LIVE, "connection_lost"): Life.LOST,
    (Life.LIVE, "node_lost"): Life.LOST,
    (Life.LIVE, "session_closed"): Life.CLOSED,
    (Life.LOST, "session_opened"): Life.LIVE,
    (Life.LOST, "session_closed"): Life.CLOSED,
    (Life.LOST, "grace_over"): Life.CLOSED,
}
"""(state, event type) -> next state. What is not listed leaves the session as it is."""
