"""The merge rule, first that applies wins."""

from dataclasses import dataclass

import pytest

from presence.domain.ids import ConnectionId, DeviceId, Millis, NodeEpoch, NodeId, SessionId
from presence.domain.merge import Merged, merge
from presence.domain.state import Live, Override, Session
from presence.domain.status import Activity, Layer, Status

LIFE = Live(ConnectionId("c"), NodeId("n"), NodeEpoch(1))


@dataclass(frozen=True)
class S:
    """A session in short."""

    name: str
    activity: Activity = Activity.ACTIVE
    last_active: int = 0


def merged(*sessions: S, **overrides: Status) -> Merged:
    """Merge sessions and overrides given by layer."""
    return merge(
        {
            SessionId(s.name): Session(DeviceId("d"), Millis(0), LIFE, s.activity, Millis(s.last_active))
            for s in sessions
        },
        {Layer(layer): Override(status, Millis(9), 0, note=layer) for layer, status in overrides.items()},
    )


def test_without_sessions_a_user_is_offline_whatever_overrides_say() -> None:
    assert merged(admin=Status.ONLINE, user=Status.DND) == Merged(Status.OFFLINE)


@pytest.mark.parametrize(
    ("overrides", "winner"),
    [
        ({"app": Status.BUSY}, Layer.APP),
        ({"app": Status.ONLINE, "user": Status.DND}, Layer.USER),
        ({"user": Status.DND, "app": Status.ONLINE}, Layer.USER),
        ({"app": Status.ONLINE, "user": Status.INVISIBLE, "admin": Status.AWAY}, Layer.ADMIN),
    ],
)
def test_the_strongest_layer_wins(overrides: dict[str, Status], winner: Layer) -> None:
    assert merged(S("s"), **overrides) == Merged(overrides[winner.value], winner, None, winner.value)


def test_busy_beats_active_and_active_beats_idle() -> None:
    idle, active, busy = S("i", Activity.IDLE, 9), S("a", Activity.ACTIVE, 5), S("b", Activity.BUSY, 1)

    assert merged(idle, active, busy) == Merged(Status.BUSY, None, SessionId("b"))
    assert merged(idle, active) == Merged(Status.ONLINE, None, SessionId("a"))
    assert merged(idle) == Merged(Status.AWAY, None, SessionId("i"))


def test_ties_go_to_the_last_active_and_then_to_the_greater_session_id() -> None:
    assert merged(S("a", last_active=2), S("b", last_active=1)).session == "a"
    assert merged(S("a"), S("b")).session == "b"
    assert merged(S("b"), S("a")).session == "b"
