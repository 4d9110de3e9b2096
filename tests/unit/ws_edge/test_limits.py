"""How much of what is borne from one client."""

import pytest

from ws_edge.codes import ERROR_CODES, Code
from ws_edge.config import EdgeLimits
from ws_edge.limits import Conduct, ErrorCounter, TokenBucket


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(per_s=2, burst=3, now=0)

    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(500), bucket.take(500)] == [True, False]


def test_a_bucket_holds_no_more_than_its_burst() -> None:
    bucket = TokenBucket(per_s=1, burst=2, now=0)

    assert [bucket.take(100_000) for _ in range(3)] == [True, True, False]


def test_an_overdraft_lasts_from_its_first_refusal_until_a_second_without_one() -> None:
    bucket = TokenBucket(per_s=1, burst=1, now=0)
    bucket.take(0)
    bucket.take(100)
    bucket.take(900)
    assert bucket.over_since == 100

    # A message at the rate itself passes, and the refusals go on after it.
    assert bucket.take(1_100)
    bucket.take(1_800)
    assert bucket.over_since == 100

    assert bucket.take(2_800)
    assert bucket.over_since is None


def test_errors_count_within_a_sliding_window() -> None:
    counter = ErrorCounter(limit=2, within_ms=100)

    assert not counter.add(0)
    assert not counter.add(100)
    assert counter.add(199)


def test_conduct_over_the_rate_for_long_is_told() -> None:
    conduct = Conduct(EdgeLimits(messages_per_s=1, message_burst=1, over_rate_ms=500), 0)

    assert conduct.admit(0)
    assert not conduct.is_over_rate_for_long(0)
    assert not conduct.admit(0)
    assert not conduct.is_over_rate_for_long(499)
    assert conduct.is_over_rate_for_long(500)


@pytest.mark.parametrize("code", [name for name, entry in ERROR_CODES.items() if not entry.counts])
def test_what_is_not_the_clients_fault_is_not_counted(code: str) -> None:
    conduct = Conduct(EdgeLimits(errors=1), 0)

    assert conduct.blame(code, 0) is None


def test_watching_too_much_counts_by_itself_and_among_all_errors() -> None:
    conduct = Conduct(EdgeLimits(errors=3), 0)

    assert conduct.blame("subscription_limit", 0) is None
    assert conduct.blame("bad_json", 0) is None
    assert conduct.blame("subscription_limit", 0) is Code.TOO_MANY_ERRORS
    assert conduct.blame("subscription_limit", 0) is Code.SUBSCRIPTION_LIMIT
