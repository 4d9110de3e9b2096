"""WebSocket pings: answered by the library, counted by us."""

from tests.support.driven import Driven, code
from ws_edge.codes import Code

BURST = 40


def test_pings_within_the_rate_cost_nothing() -> None:
    c = Driven().welcomed()
    for _ in range(100):
        c.clock.advance(100)
        c.did(c.connection.pinged(c.now, is_backed_up=True))

    assert code(c.effects) is None


def test_whoever_pings_too_much_and_does_not_read_is_cut() -> None:
    """The answers were unbounded: a client that pinged and never read filled the edge's memory."""
    c = Driven().welcomed()
    for _ in range(BURST + 1):
        assert c.did(c.connection.pinged(c.now, is_backed_up=False)) == []

    assert code(c.connection.pinged(c.now, is_backed_up=True)) is Code.SLOW_CONSUMER


def test_whoever_pings_too_much_for_long_is_sent_away() -> None:
    c = Driven().welcomed()
    for _ in range(1_500):
        c.clock.advance(10)
        c.did(c.connection.pinged(c.now, is_backed_up=False))

    assert code(c.effects) is Code.RATE_LIMITED
