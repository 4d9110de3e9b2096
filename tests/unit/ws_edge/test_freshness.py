"""Whether the view follows the feed."""

from ws_edge.freshness import Condition, Freshness


def test_a_feed_that_is_read_to_its_end_is_fresh() -> None:
    freshness = Freshness(2_000, 0)
    freshness.probed({0: 5}, {0: 5}, 1_000)

    assert freshness.condition(1_500) is Condition.FRESH
    assert (freshness.lag, freshness.behind_for(1_500)) == (0, 500)


def test_a_feed_that_moves_while_it_is_read_is_fresh() -> None:
    freshness = Freshness(2_000, 0)
    for second in range(1, 10):
        freshness.probed({0: second * 100}, {0: second * 100 - 50}, second * 1_000)

        assert freshness.condition(second * 1_000) is Condition.FRESH


def test_a_feed_that_is_not_read_is_behind() -> None:
    freshness = Freshness(2_000, 0)
    for second in range(1, 5):
        freshness.probed({0: 10}, {0: 5}, second * 1_000)

    assert freshness.condition(4_000) is Condition.BEHIND
    assert freshness.lag == 5
    assert freshness.behind_for(4_000) == 4_000 - 1_000 + 1_000


def test_a_feed_that_does_not_answer_is_away() -> None:
    freshness = Freshness(2_000, 0)
    freshness.probed({0: 5}, {0: 5}, 1_000)

    assert freshness.condition(2_900) is Condition.FRESH
    assert freshness.condition(3_100) is Condition.AWAY


def test_whoever_catches_up_is_fresh_again() -> None:
    freshness = Freshness(2_000, 0)
    for second in range(1, 5):
        freshness.probed({0: 10}, {0: 5}, second * 1_000)
    freshness.probed({0: 10}, {0: 10}, 5_000)

    assert freshness.condition(5_000) is Condition.FRESH
