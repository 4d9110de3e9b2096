"""The table of transitions is the whole truth about a session's life: the fold agrees with it, pair by pair."""

from typing import get_args

import pytest

from presence.domain.events import Event
from presence.domain.fold import evolve
from presence.domain.state import TRANSITIONS, Life, Live, UserPresence
from presence.domain.status import Status
from tests.support.facts import (
    activity,
    cleared,
    closed,
    fold,
    folded,
    grace_over,
    joined,
    left,
    lost,
    meta,
    node_lost,
    opened,
    override,
    override_over,
    retention_over,
    session_of,
    stamp,
)

# Each event in the form that concerns session s1 at its connection c1, and its loss at offset 2.
CONCERNING: dict[str, Event] = {
    "session_opened": opened(),
    "session_closed": closed(),
    "connection_lost": lost(),
    "grace_over": grace_over(lost_offset=2),
    "activity_changed": activity(),
    "room_joined": joined("a"),
    "room_left": left("a"),
    "meta_changed": meta({"k": 1}),
    "override_set": override(Status.DND),
    "override_cleared": cleared(),
    "override_over": override_over(set_offset=0),
    "retention_over": retention_over(last_offset=2),
    "node_lost": node_lost(),
}
# In each, a second session keeps the user known.
STATES: dict[Life, UserPresence | None] = {
    Life.NONE: fold(override(Status.BUSY), opened("s2", "c2", "n2")),
    Life.LIVE: fold(override(Status.BUSY), opened()),
    Life.LOST: fold(override(Status.BUSY), opened(), lost()),
    # A closed session is no longer in the state: what follows meets the life NONE.
    Life.CLOSED: fold(override(Status.BUSY), opened(), closed()),
}


def life_of(state: UserPresence | None) -> Life:
    """The life of session s1."""
    if state is None or "s1" not in state.sessions:
        return Life.NONE
    return Life.LIVE if isinstance(session_of(state).life, Live) else Life.LOST


def expected(life: Life, event_type: str) -> Life:
    """What the table says, with closed and none told apart no longer."""
    start = Life.NONE if life is Life.CLOSED else life
    end = TRANSITIONS.get((start, event_type), start)
    return Life.NONE if end is Life.CLOSED else end


@pytest.mark.parametrize("event_type", CONCERNING)
@pytest.mark.parametrize("life", STATES)
def test_the_fold_obeys_the_table(life: Life, event_type: str) -> None:
    after = evolve(STATES[life], CONCERNING[event_type], stamp(3, 3_000))

    assert life_of(after) is expected(life, event_type)


def test_every_event_type_is_tried() -> None:
    types = {str(event.__struct_config__.tag) for event in get_args(Event)}

    assert types == set(CONCERNING)


def test_the_table_names_events_that_exist() -> None:
    assert {event_type for _, event_type in TRANSITIONS} <= set(CONCERNING)
    assert all(life is not Life.CLOSED for life, _ in TRANSITIONS)


def test_states_are_values() -> None:
    assert folded(opened(), lost()) == folded(opened(), lost())
    with pytest.raises(AttributeError):
        folded(opened()).offset = 7  # type: ignore[misc]
