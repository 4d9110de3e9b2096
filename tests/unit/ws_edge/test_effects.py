"""Effects are plain values: two that say the same are the same."""

from typing import get_args

from presence.adapters.memory.time import FakeClock
from ws_edge.codes import Code
from ws_edge.deeds import instant
from ws_edge.effects import CloseSocket, Effect, Instant


def test_effects_are_compared_by_value() -> None:
    assert CloseSocket(Code.RESTART) == CloseSocket(Code.RESTART, None)
    assert all(effect.__struct_config__.frozen for effect in get_args(Effect))


def test_an_instant_is_the_time_both_ways() -> None:
    clock = FakeClock(1_000)
    clock.advance(250)

    assert instant(clock) == Instant(1_250, 250)  # type: ignore[arg-type]
