"""What every `Clock` and every `IdSource` must do."""

import re

from presence.ports import Clock, IdSource


class ClockContract:
    """The contract. Subclasses give the fixture ``clock``."""

    def test_now_is_whole_milliseconds_of_this_era(self, clock: Clock) -> None:
        now = clock.now()

        assert isinstance(now, int)
        assert 1_600_000_000_000 < now < 4_000_000_000_000

    def test_time_does_not_go_back(self, clock: Clock) -> None:
        wall = [clock.now() for _ in range(100)]
        monotonic = [clock.monotonic() for _ in range(100)]

        assert wall == sorted(wall)
        assert monotonic == sorted(monotonic)

    def test_monotonic_is_seconds(self, clock: Clock) -> None:
        assert isinstance(clock.monotonic(), float)


class IdSourceContract:
    """The contract. Subclasses give the fixture ``ids``."""

    def test_ids_are_unique(self, ids: IdSource) -> None:
        assert len({ids.new_id() for _ in range(10_000)}) == 10_000

    def test_ids_are_short_and_plain(self, ids: IdSource) -> None:
        assert re.fullmatch("[0-9a-z-]{1,36}", ids.new_id())
