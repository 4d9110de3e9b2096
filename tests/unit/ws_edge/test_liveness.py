"""When a peer is pinged, given up, or called idle."""

from ws_edge.config import EdgeConfig
from ws_edge.liveness import Due, Liveness

CONFIG = EdgeConfig(node="n", ping_ms=100, pong_wait_ms=10, idle_ms=1_000)


def test_silence_is_pinged_once_and_then_deadly() -> None:
    live = Liveness(CONFIG, 0)

    assert [live.check(at) for at in (99, 100, 109, 110)] == [Due.NOTHING, Due.PING, Due.NOTHING, Due.DEAD]


def test_anything_heard_begins_the_silence_anew() -> None:
    live = Liveness(CONFIG, 0)
    live.check(100)
    live.heard(105)

    assert [live.check(at) for at in (110, 204, 205)] == [Due.NOTHING, Due.NOTHING, Due.PING]


def test_it_is_looked_at_when_something_may_be_due() -> None:
    live = Liveness(CONFIG, 0)
    assert live.next_check() == 100
    live.check(100)

    assert live.next_check() == 110


def test_bytes_are_no_sign_of_the_user_but_commands_are() -> None:
    live = Liveness(CONFIG, 0)
    live.heard(900)
    assert live.is_idle(1_000)
    live.said(900)

    assert not live.is_idle(1_899)
    assert live.next_idle() == 1_900
