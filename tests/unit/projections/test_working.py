"""The working set folds copies, so that what is refused leaves no trace."""

from presence.domain.events import NodeLost
from presence.domain.ids import EventId, Millis, NodeEpoch, NodeId, UserKey
from projections.reading import Logged, read
from projections.working import WorkingSet, lost_nodes_of, users_of
from tests.support.log_script import opened, script

LOST = ("~node/n1", NodeLost(EventId("e"), NodeId("n1"), NodeEpoch(1), Millis(15_000)))
ALICE = UserKey("acme/alice")


def read_all(*steps: tuple[str, object]) -> list[Logged]:
    """The steps as they were read."""
    return [logged for record in script(*steps) if isinstance(logged := read(record), Logged)]  # type: ignore[arg-type]


def test_folding_leaves_the_working_set_as_it_was() -> None:
    working = WorkingSet({}, {0: {}})

    working.folded(read_all(opened("alice", "s1"), LOST))

    assert (working.known, working.fences, working.touched) == ({}, {0: {}}, set())


def test_a_fenced_opening_is_an_event_and_changes_nothing_else() -> None:
    _, rows, _ = WorkingSet({}, {}).folded(read_all(LOST, opened("alice", "s1")))

    assert [row.type for row in rows.events] == ["node_lost", "session_opened"]
    assert (rows.sessions, rows.states) == ([], [])
    assert [(partition, fence.node, fence.node_epoch) for partition, fence in rows.fences] == [(0, "n1", 1)]


def test_users_that_changed_are_touched() -> None:
    after, _, _ = WorkingSet({}, {}).folded(read_all(opened("alice", "s1"), LOST))

    assert after.touched == {ALICE}


def test_a_batch_says_whom_and_which_nodes_it_is_about() -> None:
    batch = read_all(opened("alice", "s1"), LOST, opened("alice", "s2"))

    assert users_of(batch) == {ALICE}
    assert lost_nodes_of(batch) == {(0, NodeId("n1"))}
