"""Events of plain scenes, for tests that append them to a real log."""

from presence.domain.events import ConnectionLost, SessionClosed, SessionOpened
from presence.domain.ids import ConnectionId, DeviceId, EventId, Millis, NodeEpoch, NodeId, SessionId, UserKey
from presence.domain.status import CloseReason, LostReason

NODE = NodeId("edge-1")


def key(name: str) -> UserKey:
    """A user of the tenant ``acme``."""
    return UserKey(f"acme/{name}")


def opened(name: str, node: NodeId = NODE, epoch: int = 1) -> SessionOpened:
    """A user's session ``s-<name>`` opens on the connection ``c-<name>``."""
    return SessionOpened(
        EventId(f"open-{name}"),
        SessionId(f"s-{name}"),
        ConnectionId(f"c-{name}"),
        node,
        NodeEpoch(epoch),
        DeviceId("phone"),
    )


def lost(name: str, grace_ms: int) -> ConnectionLost:
    """The connection of `opened` dies."""
    return ConnectionLost(
        EventId(f"lose-{name}"), SessionId(f"s-{name}"), ConnectionId(f"c-{name}"), LostReason.SOCKET, Millis(grace_ms)
    )


def closed(name: str) -> SessionClosed:
    """The session of `opened` ends."""
    return SessionClosed(
        EventId(f"close-{name}"), SessionId(f"s-{name}"), ConnectionId(f"c-{name}"), CloseReason.GOODBYE
    )
