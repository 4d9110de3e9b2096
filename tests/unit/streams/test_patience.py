"""What is held is tried until it works or is not ours any more, and the readiness says so."""

import pytest
from prometheus_client import CollectorRegistry

from presence.domain.errors import HistoryUnavailable, TooLarge
from presence.telemetry.health import Health
from streams.metrics import StreamsMetrics
from streams.patience import Patience


class Store:
    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0
        self.was_holding: list[bool] = []
        self.patience: Patience | None = None

    async def write(self) -> str:
        self.calls += 1
        if self.patience:
            self.was_holding.append(self.patience.is_holding)
        if self.calls <= self.failures:
            raise HistoryUnavailable("away")
        return "kept"


def make() -> tuple[Patience, Health, CollectorRegistry]:
    health, registry = Health("postgres"), CollectorRegistry()
    health.ok("postgres")
    return Patience(health, StreamsMetrics(registry), retry_s=0.0), health, registry


async def test_it_tries_until_it_works() -> None:
    patience, health, registry = make()
    store = Store(failures=3)
    store.patience = patience

    result = await patience.insist("postgres", store.write, lambda: True)

    assert result == "kept"
    assert store.was_holding == [True] * 4
    assert not patience.is_holding
    assert health.is_ready
    assert registry.get_sample_value("presence_streams_retries_total", {"store": "postgres"}) == 3


async def test_it_gives_up_what_is_not_ours_any_more_and_stays_unready() -> None:
    patience, health, _ = make()
    store = Store(failures=100)

    result = await patience.insist("postgres", store.write, lambda: store.calls < 2)

    assert result is None
    assert health.report() == {"postgres": "away"}


async def test_other_errors_are_not_held() -> None:
    patience, _, _ = make()

    async def refuse() -> None:
        raise TooLarge("record", 2, 1)

    with pytest.raises(TooLarge):
        await patience.insist("postgres", refuse, lambda: True)
    assert not patience.is_holding
