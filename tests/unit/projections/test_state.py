"""The projection's memory survives the store."""

from presence.domain.ids import Millis, NodeId, UserKey
from projections.state import Known, Track, known_of, state_row
from projections.working import WorkingSet
from tests.support.random_log import RandomLog
from tests.unit.projections.folded import fold_on


def test_what_is_stored_comes_back_as_it_was() -> None:
    working, _ = fold_on(WorkingSet({}, {}), RandomLog(3, partitions=1).grow(300))

    assert working.known
    for key, known in working.known.items():
        assert known_of(state_row(key, known, 7)) == known


def test_a_forgotten_user_has_no_nodes() -> None:
    row = state_row(UserKey("acme/alice"), Known(None, Track(3, Millis(5))), 9)

    assert (row.tenant, row.user, row.partition, row.offset, row.nodes) == ("acme", "alice", 3, 9, ())


def test_nodes_of_live_and_lost_sessions_are_named_once_each() -> None:
    _, rows = fold_on(WorkingSet({}, {}), RandomLog(4, partitions=1).grow(300))

    for row in rows.states:
        presence = known_of(row).presence
        nodes: set[NodeId] = {s.life.node for s in presence.sessions.values()} if presence else set()
        assert row.nodes == tuple(sorted(nodes))
