"""The fold of one partition: users, fences, and which users a node vouches for."""

from collections.abc import Iterable

from presence.domain.ids import NodeId, UserKey
from presence.domain.partition import PartitionFold
from presence.domain.state import Live, Lost, NodeFence, UserPresence
from presence.domain.status import Status
from presence.wire.events import control_key
from tests.support.facts import (
    ALICE,
    BOB,
    activity,
    closed,
    grace_over,
    lost,
    node_lost,
    opened,
    override,
    retention_over,
    session_of,
    stamp,
)

NODE = control_key("n1")


def fresh(
    users: Iterable[tuple[UserKey, UserPresence]] = (),
) -> tuple[PartitionFold, dict[UserKey, UserPresence], dict[NodeId, NodeFence]]:
    """A fold over the given rows, and its two mappings."""
    rows = dict(users)
    fences: dict[NodeId, NodeFence] = {}
    return PartitionFold(rows, fences), rows, fences


def test_a_change_tells_the_row_before_and_after() -> None:
    fold, rows, _ = fresh()

    [first] = fold.apply(ALICE, opened(), stamp(0))
    [second] = fold.apply(ALICE, closed(), stamp(1))

    assert (first.key, first.before, first.after) == (ALICE, None, second.before)
    assert second.after == rows[ALICE]


def test_an_event_that_was_folded_already_changes_nothing() -> None:
    fold, rows, _ = fresh()
    fold.apply(ALICE, opened(), stamp(5))

    assert fold.apply(ALICE, closed(), stamp(5)) == []
    assert fold.apply(ALICE, closed(), stamp(4)) == []
    assert rows[ALICE].status is Status.ONLINE


def test_an_event_about_nobody_known_leaves_no_row() -> None:
    fold, rows, _ = fresh()

    assert fold.apply(ALICE, closed(), stamp(0)) == []
    assert rows == {}


def test_a_forgotten_user_leaves_no_row() -> None:
    fold, rows, _ = fresh()
    fold.apply(ALICE, opened(), stamp(0))
    fold.apply(ALICE, closed(), stamp(1))

    [change] = fold.apply(ALICE, retention_over(1), stamp(2))

    assert change.after is None
    assert rows == {}


def test_a_lost_node_loses_the_sessions_of_all_its_users_in_order_of_their_keys() -> None:
    fold, rows, fences = fresh()
    fold.apply(BOB, opened(), stamp(0))
    fold.apply(ALICE, opened(), stamp(1))
    fold.apply(UserKey("acme/carol"), opened(node="n2"), stamp(2))

    changes = fold.apply(NODE, node_lost(), stamp(3))

    assert [change.key for change in changes] == [ALICE, BOB]
    assert isinstance(session_of(rows[ALICE]).life, Lost)
    assert isinstance(session_of(rows[UserKey("acme/carol")]).life, Live)
    assert fences[NodeId("n1")].offset == 3


def test_an_opening_behind_the_fence_comes_too_late() -> None:
    fold, rows, _ = fresh()
    fold.apply(NODE, node_lost(epoch=3), stamp(0))

    assert fold.apply(ALICE, opened(epoch=3), stamp(1)) == []
    assert fold.apply(ALICE, opened(epoch=4), stamp(2)) != []
    assert rows[ALICE].offset == 2


def test_a_late_opening_does_not_take_a_session_from_where_it_lives() -> None:
    fold, rows, _ = fresh()
    fold.apply(ALICE, opened(connection="c2", node="n2"), stamp(0))
    fold.apply(NODE, node_lost("n1"), stamp(1))

    fold.apply(ALICE, opened(connection="c1", node="n1"), stamp(2))

    assert session_of(rows[ALICE]).life.node == "n2"


def test_a_user_who_left_a_node_is_not_touched_by_its_loss() -> None:
    fold, rows, _ = fresh()
    fold.apply(ALICE, opened(), stamp(0))
    fold.apply(ALICE, opened(connection="c2", node="n2"), stamp(1))
    fold.apply(BOB, opened(), stamp(2))
    fold.apply(BOB, lost(), stamp(3))
    fold.apply(BOB, grace_over(lost_offset=3), stamp(4))

    assert fold.apply(NODE, node_lost("n1"), stamp(5)) == []
    assert (rows[ALICE].offset, rows[BOB].offset) == (1, 4)


def test_two_sessions_on_one_node_count_once_and_the_last_to_leave_counts() -> None:
    fold, _, _ = fresh()
    fold.apply(ALICE, opened("s1", "c1"), stamp(0))
    fold.apply(ALICE, opened("s2", "c2"), stamp(1))
    fold.apply(ALICE, closed("s1", "c1"), stamp(2))

    assert [change.key for change in fold.apply(NODE, node_lost(), stamp(3))] == [ALICE]


def test_a_user_who_leaves_a_node_leaves_its_others_there() -> None:
    fold, _, _ = fresh()
    fold.apply(ALICE, opened(), stamp(0))
    fold.apply(BOB, opened(), stamp(1))
    fold.apply(BOB, closed(), stamp(2))

    assert [change.key for change in fold.apply(NODE, node_lost(), stamp(3))] == [ALICE]


def test_a_loss_that_is_told_twice_changes_nothing() -> None:
    fold, rows, fences = fresh()
    fold.apply(ALICE, opened(), stamp(0))
    fold.apply(NODE, node_lost(), stamp(1))
    kept = (dict(rows), dict(fences))

    assert fold.apply(NODE, node_lost(), stamp(1)) == []
    assert (rows, fences) == kept


def test_after_recovery_the_loss_of_a_node_finds_its_users() -> None:
    before, rows, _ = fresh()
    before.apply(ALICE, opened(), stamp(0))
    before.apply(BOB, override(Status.DND), stamp(1))
    after, recovered, _ = fresh(rows.items())

    after.index(recovered.items())

    assert [change.key for change in after.apply(NODE, node_lost(), stamp(2))] == [ALICE]


def test_what_a_session_says_does_not_unsettle_the_index() -> None:
    fold, _, _ = fresh()
    fold.apply(ALICE, opened(), stamp(0))
    fold.apply(ALICE, activity(), stamp(1))
    fold.apply(ALICE, lost(), stamp(2))

    assert [change.key for change in fold.apply(NODE, node_lost(), stamp(3))] == [ALICE]
