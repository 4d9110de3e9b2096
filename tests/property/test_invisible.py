"""Two users do the same, but one goes invisible where the other leaves: the public must never find out which is which.

Not while the one is hidden, whatever their devices do, and not afterwards, when the one shows up again and the other
comes back.
"""

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from presence.domain.events import Event, Stamp
from presence.domain.fold import evolve
from presence.domain.ids import Millis, RoomId
from presence.domain.state import UserPresence
from presence.domain.status import Activity, Layer, Status
from presence.domain.views import Audience, view_in_room, view_user
from tests.support.facts import (
    T0,
    activity,
    cleared,
    closed,
    grace_over,
    joined,
    left,
    lost,
    meta,
    node_lost,
    opened,
    override,
)

ROOMS = [RoomId("r1"), RoomId("r2")]
sessions = st.sampled_from(["s1", "s2"])


def a_connection(session: str) -> str:
    """Each session has one connection name, so that what is said mostly concerns it."""
    return f"c-{session}"


said: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        lambda s, rooms, a: opened(s, a_connection(s), rooms=rooms, activity=a),
        sessions,
        st.lists(st.sampled_from(ROOMS), max_size=2),
        st.sampled_from(Activity),
    ),
    st.builds(lambda s, a: activity(s, a_connection(s), a), sessions, st.sampled_from(Activity)),
    st.builds(lambda s, room: joined(room, s, a_connection(s)), sessions, st.sampled_from(ROOMS)),
    st.builds(lambda s, room: left(room, s, a_connection(s)), sessions, st.sampled_from(ROOMS)),
    st.builds(lambda s, n: meta({"n": n}, s, a_connection(s)), sessions, st.integers(0, 3)),
    st.builds(lambda s: lost(s, a_connection(s)), sessions),
    st.builds(lambda s: closed(s, a_connection(s)), sessions),
    st.builds(grace_over, sessions, st.integers(0, 30)),
    st.just(node_lost()),
    st.builds(lambda status: override(status, Layer.APP), st.sampled_from(Status)),
    st.just(cleared(Layer.APP)),
)
histories = st.lists(said, max_size=8)
gaps = st.integers(1, 100_000)


class Person:
    """One user's state, moved along by events at times."""

    def __init__(self) -> None:
        self.offset = -1
        self.state: UserPresence | None = None

    def hear(self, at: int, *events: Event) -> None:
        """Fold events that all happen at one time."""
        for event in events:
            self.offset += 1
            self.state = evolve(self.state, event, Stamp(self.offset, Millis(at)))

    def seen(self) -> list[bytes]:
        """Every byte the public can get about this user."""
        views = [view_user(self.state, Audience.PUBLIC), *(view_in_room(self.state, r, Audience.PUBLIC) for r in ROOMS)]
        return [msgspec.json.encode(view) for view in views]

    def sessions(self) -> list[str]:
        """The names of the sessions that are there."""
        return [] if self.state is None else list(self.state.sessions)


def come_back(state: UserPresence) -> Sequence[Event]:
    """What a person says who comes now with the devices that ``state`` has."""
    return [
        opened(name, s.life.connection, s.life.node, s.life.node_epoch, s.device, s.rooms, s.meta, s.activity)
        for name, s in state.sessions.items()
    ]


@given(before=histories, meanwhile=histories, gap=gaps)
def test_nobody_can_tell_an_invisible_user_from_one_who_left(
    before: list[Event], meanwhile: list[Event], gap: int
) -> None:
    hides, leaves = Person(), Person()
    for person in (hides, leaves):
        for number, event in enumerate(before):
            person.hear(T0 + number * gap, event)
    now = T0 + len(before) * gap
    hides.hear(now, override(Status.INVISIBLE, until=1 << 50))
    leaves.hear(now, *(closed(session, None) for session in leaves.sessions()))

    assert hides.seen() == leaves.seen()

    for event in meanwhile:
        now += gap
        hides.hear(now, event)
        assert hides.seen() == leaves.seen()

    hidden = hides.state
    assert hidden is not None
    app = [cleared(Layer.APP)]
    hides.hear(now + gap, *app, cleared())
    leaves.hear(now + gap, *app, *come_back(hidden))

    assert hides.seen() == leaves.seen()
    assert bool(hidden.sessions) == (hides.state is not None and hides.state.status.is_visible)
