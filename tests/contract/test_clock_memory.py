"""The clocks and id sources keep their contracts."""

import pytest

from presence.adapters.memory.time import CountingIds, FakeClock, SystemClock, UuidSource
from presence.ports import Clock, IdSource
from tests.contract.clock_contract import ClockContract, IdSourceContract


class TestSystemClock(ClockContract):
    """The machine's clock under the contract."""

    @pytest.fixture
    def clock(self) -> Clock:
        return SystemClock()


class TestFakeClock(ClockContract):
    """The clock that tests move under the contract."""

    @pytest.fixture
    def clock(self) -> Clock:
        return FakeClock()


class TestUuidSource(IdSourceContract):
    """UUIDs under the contract."""

    @pytest.fixture
    def ids(self) -> IdSource:
        return UuidSource()


class TestCountingIds(IdSourceContract):
    """Counted ids under the contract."""

    @pytest.fixture
    def ids(self) -> IdSource:
        return CountingIds()
