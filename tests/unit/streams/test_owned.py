"""Rows and fences of a partition share one dict, and fences are written after everything else."""

from presence.domain.events import NodeLost, Stamp
from presence.domain.ids import EventId, Millis, NodeEpoch
from presence.wire.rows import fence_key
from streams.batching.rows import PartitionState
from streams.owned import OwnedPartition
from tests.support.scenes import NODE, key, opened

AT = Millis(1_760_000_000_000)
LOST = NodeLost(EventId("x"), NODE, NodeEpoch(1), Millis(1_000))


def test_folds_write_into_the_rows_of_the_table() -> None:
    state = PartitionState(3)
    owned = OwnedPartition(state)

    owned.fold.apply(key("ann"), opened("ann"), Stamp(0, AT))
    owned.fold.apply(key("~node"), LOST, Stamp(1, AT))

    assert set(state.rows) == {key("ann"), fence_key(3, NODE)}
    assert set(state.rows.dirty) == {key("ann")}
    assert set(state.rows.dirty_last) == {fence_key(3, NODE)}
    assert [name for name, _ in owned.iter_users()] == [key("ann")]


def test_after_recovery_fences_hold_and_nodes_are_known() -> None:
    state = PartitionState(0)
    before = OwnedPartition(state)
    before.fold.apply(key("ann"), opened("ann"), Stamp(0, AT))
    before.fold.apply(key("bob"), opened("bob", epoch=5), Stamp(1, AT))
    before.fold.apply(key("~node"), LOST, Stamp(2, AT))

    after = OwnedPartition(state)
    late = after.fold.apply(key("cid"), opened("cid"), Stamp(3, AT))
    lost = after.fold.apply(key("~node"), NodeLost(EventId("y"), NODE, NodeEpoch(5), Millis(1)), Stamp(4, AT))

    assert late == []
    assert [change.key for change in lost] == [key("ann"), key("bob")]
