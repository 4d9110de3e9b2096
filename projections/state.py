"""What the history remembers of a user between two batches: the folded row and the intervals that last."""

import msgspec
from msgspec import Struct

from presence.domain.ids import Millis, SessionId, UserKey, split_key
from presence.domain.state import UserPresence
from presence.domain.status import Status
from presence.history import StateRow


class OpenSession(Struct, frozen=True, gc=False):
    """What a session's row says and the folded state does not."""

    opened_offset: int
    began: Millis
    reconnects: int = 0
    lost_at: Millis | None = None
    lost_reason: str | None = None


class OpenStatus(Struct, frozen=True, gc=False):
    """The status that lasts."""

    status: Status
    began: Millis
    began_offset: int


class Track(Struct, frozen=True, gc=False):
    """The intervals of a user that last. Stays when the user is forgotten: their offline status goes on."""

    partition: int
    clock: Millis
    """The latest bound of any interval of the user. No later interval begins or ends before it."""
    status: OpenStatus | None = None
    sessions: dict[SessionId, OpenSession] = {}


class Known(Struct, frozen=True, gc=False):
    """All that is remembered of a user; ``presence`` None when the retention is over."""

    presence: UserPresence | None
    track: Track


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Known)


def state_row(key: UserKey, known: Known, offset: int) -> StateRow:
    """Encode for the store; ``offset`` is that of the event that brought this state."""
    tenant, user = split_key(key)
    sessions = known.presence.sessions.values() if known.presence else ()
    nodes = tuple(sorted({session.life.node for session in sessions}))
    return StateRow(tenant, user, known.track.partition, offset, nodes, _encoder.encode(known))


def known_of(row: StateRow) -> Known:
    """Decode what `state_row` encoded."""
    return _decoder.decode(row.state)
