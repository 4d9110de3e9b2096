"""Intervals of sessions and statuses, in order and out of order."""

from presence.domain.events import (
    ActivityChanged,
    ConnectionLost,
    GraceOver,
    MetaChanged,
    NodeLost,
    OverrideSet,
    RetentionOver,
    RoomJoined,
    SessionClosed,
)
from presence.domain.ids import ConnectionId, EventId, Millis, NodeEpoch, NodeId, RoomId, SessionId, UserKey
from presence.domain.status import Activity, CloseReason, Layer, LostReason, Status
from projections.working import WorkingSet
from tests.support.log_script import START, Step, opened, script, user
from tests.unit.projections.folded import fold_on, folded

S1, C1 = SessionId("s1"), ConnectionId("c-s1")
E = EventId("e")
CLOSED = user("alice", SessionClosed(E, S1, C1, CloseReason.KICKED))
LOST = user("alice", ConnectionLost(E, S1, C1, LostReason.PONG_TIMEOUT, Millis(15_000)))
IDLE = user("alice", ActivityChanged(E, S1, C1, Activity.IDLE))


def at(step: tuple[str, object], second: float) -> Step:
    """The step at its own time, seconds after the start."""
    return (*step, int(START + second * 1_000))  # type: ignore[return-value]


def test_a_session_lasts_from_its_opening_to_its_end() -> None:
    [row] = folded(script(opened("alice", "s1"), CLOSED)).sessions

    assert (row.began, row.ended) == (START, START + 1_000)
    assert (row.opened_at, row.closed_at) == (START, START + 1_000)
    assert (row.opened_offset, row.closed_offset, row.close_reason) == (0, 1, "kicked")


def test_an_open_session_has_no_end() -> None:
    [row] = folded(script(opened("alice", "s1"))).sessions

    assert (row.ended, row.closed_at, row.close_reason, row.closed_offset) == (None, None, None, None)


def test_a_lost_session_says_when_and_why_and_ends_when_its_grace_is_over() -> None:
    [row] = folded(script(opened("alice", "s1"), LOST, user("alice", GraceOver(E, S1, 1)))).sessions

    assert (row.lost_at, row.lost_reason) == (START + 1_000, "pong_timeout")
    assert (row.ended, row.close_reason) == (START + 2_000, "grace_over")


def test_coming_back_within_the_grace_is_the_same_session_on_another_node() -> None:
    [row] = folded(script(opened("alice", "s1"), LOST, opened("alice", "s1", node="n2"))).sessions

    assert (row.opened_offset, row.node, row.reconnects) == (0, "n2", 1)
    assert (row.lost_at, row.lost_reason, row.ended) == (None, None, None)


def test_a_lost_node_marks_every_session_it_held() -> None:
    lost = ("~node/n1", NodeLost(E, NodeId("n1"), NodeEpoch(1), Millis(15_000)))

    rows = folded(script(opened("alice", "s1"), opened("bob", "s2"), opened("carol", "s3", node="n2"), lost)).sessions

    assert [(row.user, row.lost_reason) for row in rows] == [
        ("alice", "node_lost"),
        ("bob", "node_lost"),
        ("carol", None),
    ]


def test_rooms_and_meta_are_the_last_ones() -> None:
    joined = user("alice", RoomJoined(E, S1, C1, RoomId("lobby")))
    changed = user("alice", MetaChanged(E, S1, C1, {"page": 2}))

    [row] = folded(script(opened("alice", "s1"), joined, changed)).sessions

    assert (row.rooms, row.meta) == (("lobby",), {"page": 2})


def test_activity_alone_writes_no_session() -> None:
    log = script(opened("alice", "s1"), IDLE)
    working, _ = fold_on(WorkingSet({}, {}), log[:1])

    _, rows = fold_on(working, log[1:])

    assert rows.sessions == []


def test_a_name_used_again_after_the_end_is_another_row() -> None:
    first, second = folded(script(opened("alice", "s1"), CLOSED, opened("alice", "s1"))).sessions

    assert (first.opened_offset, first.ended) == (0, START + 1_000)
    assert (second.opened_offset, second.began, second.ended) == (2, START + 2_000, None)


def test_statuses_follow_each_other_without_a_gap() -> None:
    rows = folded(script(opened("alice", "s1"), IDLE, CLOSED)).statuses

    assert [(row.status, row.began, row.ended) for row in rows] == [
        (Status.ONLINE, START, START + 1_000),
        (Status.AWAY, START + 1_000, START + 2_000),
        (Status.OFFLINE, START + 2_000, None),
    ]


def test_invisible_is_told_as_it_is_and_does_not_move_last_seen() -> None:
    hide = user("alice", OverrideSet(E, Layer.USER, Status.INVISIBLE, Millis(START + 60_000)))

    rows = folded(script(opened("alice", "s1"), hide, CLOSED))

    assert [row.status for row in rows.statuses] == [Status.ONLINE, Status.INVISIBLE, Status.OFFLINE]
    assert [(row.status, row.last_seen) for row in rows.last_seen] == [(Status.OFFLINE, START + 1_000)]


def test_an_end_before_the_beginning_is_moved_to_the_beginning() -> None:
    [row] = folded(script(at(opened("alice", "s1"), 10), at(CLOSED, 4))).sessions

    assert (row.began, row.ended) == (START + 10_000, START + 10_000)
    assert (row.opened_at, row.closed_at) == (START + 10_000, START + 4_000)


def test_a_beginning_before_the_last_end_is_moved_to_the_last_end() -> None:
    rows = folded(script(opened("alice", "s1"), at(CLOSED, 9), at(opened("alice", "s1"), 5))).sessions

    assert [(row.began, row.ended) for row in rows] == [(START, START + 9_000), (START + 9_000, None)]
    assert rows[1].opened_at == START + 5_000


def test_a_status_that_lasted_no_time_is_no_row() -> None:
    rows = folded(script(opened("alice", "s1"), at(IDLE, 1), at(CLOSED, 1)))

    assert [row.status for row in rows.statuses] == [Status.ONLINE, Status.OFFLINE]
    assert rows.void_statuses == []


def test_a_status_that_lasted_no_time_is_deleted_if_an_earlier_batch_wrote_it() -> None:
    log = script(opened("alice", "s1"), at(IDLE, 1), at(CLOSED, 1))
    working, _ = fold_on(WorkingSet({}, {}), log[:2])

    _, rows = fold_on(working, log[2:])

    assert rows.void_statuses == [("acme", "alice", 1)]
    assert [row.status for row in rows.statuses] == [Status.OFFLINE]


def test_a_forgotten_user_is_still_offline_and_time_does_not_run_backwards_for_them() -> None:
    forget = user("alice", RetentionOver(E, 1))
    log = script(opened("alice", "s1"), at(CLOSED, 50), forget, at(opened("alice", "s2"), 20))

    working, rows = fold_on(WorkingSet({}, {}), log[:3])
    working, more = fold_on(working, log[3:])

    assert working.known[UserKey("acme/alice")].presence is not None
    assert [(row.status, row.began, row.ended) for row in rows.statuses] == [
        (Status.ONLINE, START, START + 50_000),
        (Status.OFFLINE, START + 50_000, None),
    ]
    assert more.void_statuses == [("acme", "alice", 1)]
    assert [(row.status, row.began) for row in more.statuses] == [(Status.ONLINE, START + 50_000)]
