"""Node leases, judged by the log's own time."""

from presence.domain.ids import Millis, NodeEpoch, NodeId
from presence.domain.leases import Heartbeat, Lease, LeaseLost, Leases, NodeRecord, NodeStopped, Tick, observe

LEASE, GAP = Millis(10_000), Millis(5_000)
N1, N2 = NodeId("n1"), NodeId("n2")


def beat(node: NodeId = N1, epoch: int = 1) -> Heartbeat:
    """A heartbeat."""
    return Heartbeat(node, NodeEpoch(epoch))


def stopped(node: NodeId = N1, epoch: int = 1) -> NodeStopped:
    """A drain's end."""
    return NodeStopped(node, NodeEpoch(epoch))


def lease_lost(node: NodeId = N1, epoch: int = 1) -> LeaseLost:
    """A confirmed loss."""
    return LeaseLost(node, NodeEpoch(epoch))


def after(*records: tuple[int, NodeRecord], start: Leases | None = None) -> Leases:
    """Observe records at their times."""
    leases = start or Leases()
    for at, record in records:
        leases = observe(leases, record, Millis(at), LEASE, GAP)
    return leases


def ticks(first: int, last: int, detector: str = "d") -> list[tuple[int, NodeRecord]]:
    """A tick each second, both ends included."""
    return [(at, Tick(detector)) for at in range(first, last + 1, 1_000)]


def test_a_node_that_renews_in_time_keeps_its_lease() -> None:
    beats: list[tuple[int, NodeRecord]] = [(at, beat()) for at in range(0, 60_000, 9_000)]

    leases = after(*sorted([*ticks(0, 60_000), *beats], key=lambda pair: pair[0]))

    assert leases.owed == ()
    assert leases.by_node == {N1: Lease(NodeEpoch(1), Millis(54_000))}


def test_a_silent_node_is_lost_by_the_first_tick_past_its_lease() -> None:
    begin = after((0, beat()), *ticks(0, 10_000))

    assert begin.owed == ()
    assert after((10_001, Tick("d")), start=begin).owed == (lease_lost(),)


def test_heartbeats_alone_expire_nobody_since_time_is_told_by_ticks() -> None:
    assert after((0, beat(N1)), (60_000, beat(N2))).owed == ()


def test_a_gap_in_the_ticks_starts_every_countdown_anew() -> None:
    stalled = after((0, beat()), *ticks(0, 3_000), (60_000, Tick("d")))

    assert stalled.owed == ()
    assert after(*ticks(61_000, 70_000), start=stalled).owed == ()
    assert after(*ticks(61_000, 71_000), start=stalled).owed == (lease_lost(),)


def test_another_detector_starts_every_countdown_anew() -> None:
    taken_over = after((0, beat()), *ticks(0, 9_000), (10_500, Tick("e")))

    assert after(*ticks(11_500, 20_500, "e"), start=taken_over).owed == ()
    assert after(*ticks(11_500, 21_500, "e"), start=taken_over).owed == (lease_lost(),)


def test_two_detectors_at_once_lose_nobody() -> None:
    records = [(at, Tick("d" if at % 2_000 else "e")) for at in range(0, 60_000, 1_000)]

    assert after((0, beat()), *records).owed == ()


def test_a_loss_is_owed_until_it_is_confirmed() -> None:
    owing = after((0, beat()), *ticks(0, 30_000))

    assert owing.owed == (lease_lost(),)
    assert owing.by_node == {}
    assert after((31_000, lease_lost()), start=owing).owed == ()


def test_a_lost_epoch_cannot_be_renewed() -> None:
    owing = after((0, beat()), *ticks(0, 11_000))

    zombie = after((12_000, beat()), start=owing)
    confirmed = after((13_000, lease_lost()), (14_000, beat()), start=owing)

    assert zombie.by_node == confirmed.by_node == {}


def test_an_older_epoch_cannot_be_renewed() -> None:
    leases = after((0, beat(epoch=2)), (1_000, beat(epoch=1)))

    assert leases.by_node == {N1: Lease(NodeEpoch(2), Millis(0))}


def test_a_node_that_restarts_owes_the_loss_of_its_earlier_life() -> None:
    leases = after((0, beat(epoch=1)), (1_000, beat(epoch=2)))

    assert leases.owed == (lease_lost(epoch=1),)
    assert leases.by_node == {N1: Lease(NodeEpoch(2), Millis(1_000))}


def test_confirming_an_earlier_life_leaves_the_newer_one_its_lease() -> None:
    leases = after((0, beat(epoch=1)), (1_000, beat(epoch=2)), (2_000, lease_lost(epoch=1)))

    assert leases.owed == ()
    assert leases.by_node == {N1: Lease(NodeEpoch(2), Millis(1_000))}
    assert leases.last_epoch == {N1: 2}


def test_confirming_a_newer_life_settles_what_is_owed_of_the_earlier() -> None:
    leases = after((0, beat(epoch=1)), (1_000, beat(epoch=2)), (2_000, lease_lost(epoch=2)))

    assert (leases.owed, leases.by_node) == ((), {})


def test_a_confirmation_of_a_node_never_heard_of_is_remembered() -> None:
    leases = after((0, lease_lost(epoch=4)), (1_000, beat(epoch=4)), (2_000, beat(epoch=5)))

    assert leases.by_node == {N1: Lease(NodeEpoch(5), Millis(2_000))}


def test_a_stopped_node_is_fenced_as_if_lost() -> None:
    """It was only released: an opening of it that reached the log late was a ghost that nothing ever ended."""
    leases = after((0, beat()), (1_000, stopped()))

    assert leases.owed == (lease_lost(),)
    assert leases.by_node == {}
    assert after((2_000, lease_lost()), (3_000, stopped()), start=leases).owed == ()


def test_a_stop_that_is_heard_twice_owes_once() -> None:
    assert after((0, beat()), (1_000, stopped()), (2_000, stopped())).owed == (lease_lost(),)


def test_a_stop_of_an_earlier_life_leaves_the_newer_one_alone() -> None:
    leases = after((0, beat(epoch=2)), (1_000, stopped(epoch=1)))

    assert (leases.owed, leases.by_node) == ((), {N1: Lease(NodeEpoch(2), Millis(0))})


def test_a_stop_whose_heartbeats_were_compacted_away_is_owed_still() -> None:
    assert after((0, stopped(epoch=3)), (1, beat(N2))).owed == (lease_lost(epoch=3),)


def test_a_broker_whose_clock_is_behind_shortens_no_lease() -> None:
    leases = after((5_000, beat()), (4_000, beat()))

    assert leases.by_node == {N1: Lease(NodeEpoch(1), Millis(5_000))}


def test_what_is_owed_is_in_order_of_names() -> None:
    leases = after((0, beat(N2)), (0, beat(N1)), *ticks(0, 11_000))

    assert leases.owed == (lease_lost(N1), lease_lost(N2))
