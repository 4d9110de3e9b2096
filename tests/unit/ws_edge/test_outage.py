"""What an outage of the log must not do: each test tells what it did."""

from presence.domain.events import ConnectionLost
from presence.domain.status import LostReason
from presence.wire.frames import Pong
from tests.support.driven import Driven, departed, errors, sent
from ws_edge.freshness import Condition, Freshness


def test_after_an_outage_a_consumer_has_its_full_time_to_catch_up() -> None:
    """The length of the outage counted as our own lag: when Kafka came back, everybody was sent elsewhere (1013)."""
    freshness = Freshness(2_000, 0)
    freshness.probed({0: 5}, {0: 5}, 1_000)
    assert freshness.condition(60_000) is Condition.AWAY

    freshness.probed({0: 9}, {0: 5}, 61_000)
    freshness.probed({0: 9}, {0: 5}, 62_000)

    assert freshness.condition(62_000) is Condition.BEHIND
    assert freshness.behind_for(62_000) > 60_000
    assert freshness.stuck_for(62_000) == 1_000


def test_a_session_whose_opening_is_uncertain_gets_a_last_word_when_the_node_drains() -> None:
    """The opening may be in the log; after an orderly drain no lease is lost, so it would have stayed for ever."""
    c = Driven()
    c.hello()
    c.verified()
    c.append_ends(succeeded=False)

    depart = c.connection.drain(c.now)

    assert depart is not None
    assert isinstance(depart.event, ConnectionLost)
    assert depart.event.reason is LostReason.DRAIN


def test_nobody_is_drained_twice() -> None:
    c = Driven().welcomed()
    assert c.connection.drain(c.now) is not None

    assert c.connection.drain(c.now) is None


def test_a_client_that_was_told_to_say_hello_again_may_ping_and_is_told_again() -> None:
    """Its keep-alive was taken for a command of a stranger, and answered by a code after which none comes back."""
    c = Driven()
    c.hello()
    c.verified()
    c.append_ends(succeeded=False)

    assert sent(c.say("ping", id="p")) == [Pong(c.now.wall, "p")]
    assert errors(c.say("join", id="j", room="r")) == [("log_unavailable", "j")]
    assert departed(c.effects) == []
