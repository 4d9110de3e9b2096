"""The cache is bounded and forgets a partition that somebody else wrote."""

from presence.domain.ids import Millis, NodeEpoch, NodeId, UserKey
from presence.domain.state import NodeFence
from projections.cache import StateCache
from projections.state import Known, Track

A, B, C = UserKey("acme/a"), UserKey("acme/b"), UserKey("acme/c")


def known(partition: int = 0) -> Known:
    """Somebody of a partition."""
    return Known(None, Track(partition, Millis(0)))


def test_those_used_least_lately_leave_first() -> None:
    cache = StateCache(2)
    cache.put({A: known(), B: known()}, {}, {0: 1})
    cache.find([A])

    cache.put({C: known()}, {}, {0: 2})

    assert set(cache.find([A, B, C])) == {A, C}
    assert len(cache) == 2


def test_a_partition_at_its_checkpoint_is_kept() -> None:
    cache = StateCache(10)
    fence = NodeFence(1, NodeId("n"), NodeEpoch(1))
    cache.put({A: known()}, {0: {NodeId("n"): fence}}, {0: 5})

    cache.keep_if_at(0, 5)

    assert set(cache.find([A])) == {A}
    assert cache.fences(0) == {"n": fence}


def test_a_partition_that_moved_on_elsewhere_is_forgotten_and_others_are_not() -> None:
    cache = StateCache(10)
    cache.put({A: known(0), B: known(1)}, {0: {}, 1: {}}, {0: 5, 1: 5})

    cache.keep_if_at(0, 6)

    assert set(cache.find([A, B])) == {B}
    assert (cache.fences(0), cache.fences(1)) == (None, {})
