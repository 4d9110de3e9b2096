"""The fold, one rule a test."""

import itertools

import pytest

from presence.domain.events import Event
from presence.domain.fold import evolve, is_fenced, raise_fence
from presence.domain.ids import ConnectionId, Millis, NodeEpoch, NodeId
from presence.domain.state import FENCE_MEMORY, LAST_ACTIVE_BUCKET_MS, Life, Live, Lost, NodeFence
from presence.domain.status import Activity, Status
from tests.support.facts import (
    GRACE,
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
    session_of,
    stamp,
)

MINUTE = LAST_ACTIVE_BUCKET_MS


# --- sessions -------------------------------------------------------------------------------------------------


def test_an_opened_session_makes_its_user_online() -> None:
    state = folded(opened(rooms=["b", "a", "b"], meta={"k": 1}))

    assert (state.offset, state.status, state.since, state.visible_since) == (0, Status.ONLINE, T0, T0)
    assert state.last_seen is None
    session = session_of(state)
    assert session.life == Live(ConnectionId("c1"), NodeId("n1"), NodeEpoch(1))
    assert (session.device, session.opened_at, session.rooms, session.meta) == ("phone", T0, ("a", "b"), {"k": 1})


def test_coming_back_keeps_when_the_session_was_opened_and_takes_all_else_anew() -> None:
    state = folded(
        opened(rooms=["a"], meta={"k": 1}),
        lost(),
        opened(connection="c2", node="n2", epoch=5, device="tablet", rooms=["b"], activity=Activity.BUSY),
    )

    session = session_of(state)
    assert session.opened_at == T0
    assert session.life == Live(ConnectionId("c2"), NodeId("n2"), NodeEpoch(5))
    assert (session.device, session.rooms, session.meta, session.activity) == ("tablet", ("b",), {}, Activity.BUSY)


def test_coming_back_elsewhere_takes_the_session_from_a_connection_that_still_lives() -> None:
    state = folded(opened(), opened(connection="c2", node="n2"))

    assert list(state.sessions) == ["s1"]
    assert session_of(state).life == Live(ConnectionId("c2"), NodeId("n2"), NodeEpoch(1))


@pytest.mark.parametrize("late", [lost(), closed(), activity(), joined("r"), left("r"), meta({"k": 1})])
def test_a_connection_that_was_replaced_has_no_say(late: Event) -> None:
    before = folded(opened(), opened(connection="c2", node="n2", rooms=["r"]))

    after = evolve(before, late, stamp(2, 2_000))

    assert after is not None
    assert (after.sessions, after.offset) == (before.sessions, 2)


@pytest.mark.parametrize("late", [lost(), activity(), joined("r"), left("r"), meta({"k": 1}), node_lost()])
def test_a_lost_session_hears_nothing_more_from_its_old_connection(late: Event) -> None:
    before = folded(opened(rooms=["r"]), lost())

    after = evolve(before, late, stamp(2, 2_000))

    assert after is not None
    assert (after.sessions, after.offset) == (before.sessions, 2)


def test_a_goodbye_that_comes_after_the_loss_still_ends_the_session() -> None:
    assert folded(opened(), lost(), closed()).sessions == {}


def test_closing_without_naming_a_connection_closes_whatever_there_is() -> None:
    assert folded(opened(connection="c7"), closed(connection=None)).sessions == {}


def test_closing_a_session_that_is_not_there_changes_nothing() -> None:
    state = folded(opened(), closed(session="s2"))

    assert list(state.sessions) == ["s1"]


def test_a_lost_connection_leaves_the_session_present_until_the_grace_is_over() -> None:
    state = folded(opened(), lost(grace_ms=15_000))

    assert state.status is Status.ONLINE
    life = session_of(state).life
    assert life == Lost(ConnectionId("c1"), NodeId("n1"), NodeEpoch(1), Millis(T0 + 1_000 + 15_000), 1)


def test_the_end_of_the_grace_ends_the_session() -> None:
    state = folded(opened(), lost(), grace_over(lost_offset=1))

    assert (state.status, state.sessions, state.since, state.last_seen) == (Status.OFFLINE, {}, T0 + 2_000, T0 + 2_000)


@pytest.mark.parametrize(
    "history",
    [
        pytest.param((opened(), lost(), opened(connection="c2")), id="it came back"),
        pytest.param((opened(), lost(), opened(connection="c2"), lost(connection="c2")), id="it was lost anew"),
        pytest.param((opened(), opened(session="s2")), id="it was never lost"),
    ],
)
def test_a_late_end_of_an_earlier_grace_loses(history: tuple[Event, ...]) -> None:
    state = folded(*history, grace_over(lost_offset=1))

    assert "s1" in state.sessions


def test_the_end_of_a_grace_of_a_session_that_is_gone_changes_nothing() -> None:
    assert folded(opened(), lost(), closed(), grace_over(lost_offset=1)).last_seen == T0 + 2_000


def test_a_session_id_may_be_used_again_after_it_was_closed() -> None:
    state = folded(opened(), closed(), opened(connection="c2"))

    assert session_of(state).opened_at == T0 + 2_000


# --- nodes ----------------------------------------------------------------------------------------------------


def test_a_lost_node_loses_all_its_sessions_of_that_epoch_or_older_and_no_other() -> None:
    state = folded(
        opened("s1", "c1", node="n1", epoch=1),
        opened("s2", "c2", node="n1", epoch=2),
        opened("s3", "c3", node="n1", epoch=3),
        opened("s4", "c4", node="n2", epoch=1),
        node_lost("n1", epoch=2),
    )

    lives = {name: type(session.life) for name, session in state.sessions.items()}
    assert lives == {"s1": Lost, "s2": Lost, "s3": Live, "s4": Live}
    assert session_of(state).life == Lost(ConnectionId("c1"), NodeId("n1"), NodeEpoch(1), Millis(T0 + 4_000 + GRACE), 4)


def test_a_lost_node_does_not_prolong_a_grace_that_runs() -> None:
    before = folded(opened(), lost())

    after = evolve(before, node_lost(), stamp(2, 9_000))

    assert session_of(after).life == session_of(before).life


def test_a_fence_refuses_openings_of_its_epoch_and_older_only() -> None:
    fence = raise_fence(None, node_lost(epoch=2), stamp(10))

    assert [is_fenced(fence, opened(epoch=epoch), stamp(11)) for epoch in (1, 2, 3)] == [True, True, False]
    assert not is_fenced(fence, activity(), stamp(11))
    assert not is_fenced(None, opened(), stamp(11))


def test_a_fence_does_not_judge_what_was_in_the_log_before_it() -> None:
    """A crash could keep the fence and lose the row of an opening before it; folded again, the opening was refused."""
    fence = raise_fence(None, node_lost(epoch=1), stamp(10))

    assert not is_fenced(fence, opened(epoch=1), stamp(9))


def test_a_redelivered_opening_is_judged_by_the_fence_of_its_own_time() -> None:
    fence = raise_fence(None, node_lost(epoch=1), stamp(10))
    fence = raise_fence(fence, node_lost(epoch=3), stamp(20))

    judged = [is_fenced(fence, opened(epoch=epoch), stamp(15)) for epoch in (1, 2)]

    assert judged == [True, False]
    assert not is_fenced(fence, opened(epoch=1), stamp(5))


def test_fences_only_grow_and_remember_a_few() -> None:
    fence: NodeFence | None = None
    last = FENCE_MEMORY + 10
    for epoch in range(last + 1):
        fence = raise_fence(fence, node_lost(epoch=epoch), stamp(epoch * 10))
    assert fence is not None

    assert raise_fence(fence, node_lost(epoch=5), stamp(10_000)) is fence
    assert raise_fence(fence, node_lost(epoch=last), stamp(10_000)) is fence
    assert raise_fence(fence, node_lost(epoch=9_999), stamp(last * 10)) is fence
    assert (fence.offset, fence.node_epoch) == (last * 10, last)
    assert fence.earlier == tuple((epoch * 10, epoch) for epoch in range(last - 1, last - 1 - FENCE_MEMORY, -1))


# --- what a session says --------------------------------------------------------------------------------------


def test_rooms_are_sorted_and_without_repeats() -> None:
    state = folded(opened(), joined("b"), joined("a"), joined("b"), joined("c"), left("b"), left("x"))

    assert session_of(state).rooms == ("a", "c")


def test_meta_is_replaced_whole() -> None:
    assert session_of(folded(opened(meta={"a": 1}), meta({"b": 2}))).meta == {"b": 2}


@pytest.mark.parametrize(
    ("said", "status"), [(Activity.ACTIVE, Status.ONLINE), (Activity.IDLE, Status.AWAY), (Activity.BUSY, Status.BUSY)]
)
def test_activity_makes_the_status(said: Activity, status: Status) -> None:
    assert folded(opened(), activity(activity=said)).status is status


def test_last_active_moves_in_whole_minutes_and_not_while_idle() -> None:
    begin = folded(opened())
    idle = evolve(begin, activity(activity=Activity.IDLE), stamp(1, 5 * MINUTE))
    busy = evolve(idle, activity(activity=Activity.BUSY), stamp(2, 7 * MINUTE))
    assert idle is not None
    assert busy is not None

    assert begin.last_active == T0 - T0 % MINUTE
    assert idle.last_active == begin.last_active
    assert busy.last_active == begin.last_active + 7 * MINUTE
    assert session_of(busy).last_active == busy.last_active


def test_last_active_does_not_fall_back_when_the_active_device_leaves() -> None:
    """It did: with the phone that was used last gone, the user seemed not to have been active since the laptop was."""
    state = folded(opened("laptop"), opened("phone", "c2"), closed("phone", "c2"), step_ms=3 * MINUTE)

    assert state.last_active == session_of(state, "laptop").last_active + 3 * MINUTE


# --- the whole ------------------------------------------------------------------------------------------------

EVERY_EVENT: list[Event] = [
    opened(),
    closed(),
    lost(),
    grace_over(lost_offset=1),
    activity(),
    joined("a"),
    left("a"),
    meta({"k": 1}),
    override(Status.DND),
    cleared(),
    override_over(),
    retention_over(2),
    node_lost(),
]
LIVES = {Life.NONE: fold(override(Status.DND), cleared()), Life.LIVE: fold(opened()), Life.LOST: fold(opened(), lost())}


@pytest.mark.parametrize(
    ("life", "event"),
    [pytest.param(life, event, id=f"{life}-{type(event).__name__}") for life in LIVES for event in EVERY_EVENT],
)
def test_an_event_at_or_below_the_offset_changes_nothing(life: Life, event: Event) -> None:
    state = LIVES[life]
    assert state is not None

    for offset in range(state.offset + 1):
        assert evolve(state, event, stamp(offset)) is state


@pytest.mark.parametrize(
    ("first", "second"), list(itertools.product(EVERY_EVENT, repeat=2)), ids=lambda event: type(event).__name__
)
def test_folding_never_changes_what_it_was_given(first: Event, second: Event) -> None:
    begin = fold(opened(), override(Status.BUSY))
    between = evolve(begin, first, stamp(2, 2_000))
    kept = repr(between)

    evolve(between, second, stamp(3, 3_000))

    assert repr(between) == kept
