"""What the fold derives: status, since, last seen, overrides, retention."""

import pytest

from presence.domain.events import Event
from presence.domain.fold import evolve
from presence.domain.status import Activity, Layer, Status
from tests.support.facts import (
    T0,
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
    stamp,
)

# --- status, since, last seen ---------------------------------------------------------------------------------


def test_since_moves_only_with_the_status() -> None:
    state = folded(opened(), joined("a"), opened("s2", "c2"), activity(activity=Activity.ACTIVE))

    assert (state.status, state.since) == (Status.ONLINE, T0)


def test_since_never_goes_back_though_clocks_of_edges_differ() -> None:
    """It did: an edge whose clock is behind ended a status before it had begun, which no time range can hold."""
    begin = folded(opened())

    away = evolve(begin, activity(activity=Activity.IDLE), stamp(1, -500))
    gone = evolve(away, closed(), stamp(2, -400))

    assert away is not None
    assert gone is not None
    assert (away.since, gone.since, gone.last_seen) == (T0, T0, T0)


def test_going_invisible_looks_like_leaving_and_staying_so_moves_nothing() -> None:
    begin = folded(opened(), override(Status.INVISIBLE))
    later = evolve(begin, closed(), stamp(2, 9_000))

    assert later is not None
    assert (begin.status, begin.last_seen, begin.visible_since) == (Status.INVISIBLE, T0 + 1_000, None)
    assert (later.status, later.last_seen, later.since) == (Status.OFFLINE, T0 + 1_000, T0 + 9_000)


def test_visible_since_survives_changes_between_visible_statuses() -> None:
    state = folded(opened(), activity(), override(Status.DND), cleared(), override(Status.INVISIBLE), cleared())

    assert (state.visible_since, state.since) == (T0 + 5_000, T0 + 5_000)
    assert folded(opened(), activity()).visible_since == T0


def test_a_user_who_was_never_visible_was_never_seen() -> None:
    state = folded(override(Status.INVISIBLE), opened(), closed())

    assert (state.status, state.last_seen) == (Status.OFFLINE, None)


# --- overrides ------------------------------------------------------------------------------------------------


def test_an_override_waits_for_an_offline_user_to_come() -> None:
    waiting = folded(override(Status.DND))
    come = evolve(waiting, opened(), stamp(1, 1_000))

    assert come is not None
    assert (waiting.status, come.status, come.since) == (Status.OFFLINE, Status.DND, T0 + 1_000)


def test_setting_an_override_replaces_that_of_its_layer() -> None:
    state = folded(opened(), override(Status.DND, note="one"), override(Status.BUSY, note="two"))

    assert {layer: (o.status, o.note, o.offset) for layer, o in state.overrides.items()} == {
        Layer.USER: (Status.BUSY, "two", 2)
    }


def test_clearing_takes_back_one_layer() -> None:
    state = folded(opened(), override(Status.DND, Layer.ADMIN), override(Status.BUSY), cleared(Layer.ADMIN))

    assert list(state.overrides) == [Layer.USER]


def test_clearing_nothing_changes_nothing_but_the_offset() -> None:
    before = folded(opened())

    after = evolve(before, cleared(), stamp(1))

    assert after is not None
    assert after.overrides is before.overrides


def test_the_end_of_an_override_must_have_seen_that_very_override() -> None:
    set_twice = (opened(), override(Status.DND), override(Status.DND))

    assert Layer.USER in folded(*set_twice, override_over(set_offset=1)).overrides
    assert folded(*set_twice, override_over(set_offset=2)).overrides == {}
    assert folded(opened(), override_over(set_offset=0)).overrides == {}


# --- retention ------------------------------------------------------------------------------------------------


def test_an_offline_user_is_forgotten_when_kept_long_enough() -> None:
    assert fold(opened(), closed(), retention_over(last_offset=1)) is None


@pytest.mark.parametrize(
    "since", [pytest.param(override(Status.DND), id="something newer"), pytest.param(opened(), id="online again")]
)
def test_retention_loses_to_anything_newer(since: Event) -> None:
    state = folded(opened(), closed(), since, retention_over(last_offset=1))

    assert state.offset == 3


def test_retention_never_forgets_who_is_here() -> None:
    assert folded(opened(), retention_over(last_offset=0)).status is Status.ONLINE


def test_nothing_is_known_of_a_user_before_an_opening_or_an_override() -> None:
    events: list[Event] = [
        closed(),
        lost(),
        grace_over(),
        activity(),
        joined("a"),
        left("a"),
        meta({}),
        cleared(),
        override_over(),
    ]

    assert [fold(event) for event in [*events, retention_over(0), node_lost()]] == [None] * 11
