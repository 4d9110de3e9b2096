"""Short logs written by hand: one record after the other, a second apart."""

from typing import Any

from presence.domain.events import Event, SessionOpened
from presence.domain.ids import ConnectionId, DeviceId, EventId, Millis, NodeEpoch, NodeId, SessionId, UserKey
from presence.ports import LogRecord
from presence.wire.events import HEADERS, encode_event

START = 1_760_000_000_000

Step = tuple[str, Event] | tuple[str, Event, int] | bytes
"""(user or control key, event), the same with its own time, or raw bytes of a record of user ``raw``."""


def script(*steps: Step, partition: int = 0) -> list[LogRecord]:
    """The log of these steps, offsets from 0, a second apart unless a step says otherwise."""
    records = []
    for offset, step in enumerate(steps):
        at = START + offset * 1_000
        if isinstance(step, bytes):
            key, value = "acme/raw", step
        else:
            key, value = step[0], encode_event(step[1])
            at = step[2] if len(step) == 3 else at
        records.append(LogRecord(partition, offset, Millis(at), key.encode(), value, HEADERS))
    return records


def user(name: str, event: Event) -> tuple[str, Event]:
    """A step of a user of the tenant ``acme``."""
    return UserKey(f"acme/{name}"), event


def opened(
    name: str, session: str, node: str = "n1", epoch: int = 1, meta: dict[str, Any] | None = None
) -> tuple[str, Event]:
    """A user opens a session on the connection ``c-<session>``."""
    return user(
        name,
        SessionOpened(
            EventId(f"open-{name}-{session}"),
            SessionId(session),
            ConnectionId(f"c-{session}"),
            NodeId(node),
            NodeEpoch(epoch),
            DeviceId("phone"),
            meta=meta or {},
        ),
    )
