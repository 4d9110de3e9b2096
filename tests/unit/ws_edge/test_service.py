"""The shell of an edge: it starts its parts in order, and ends as it should."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from presence.adapters.memory.time import SystemClock, UuidSource
from presence.domain.errors import SetupError
from presence.domain.leases import Heartbeat, NodeStopped
from presence.telemetry.health import Health
from tests.support.local_worker import FoldingLog
from tests.support.strung_edge import NamesAsTokens
from tests.support.until import until
from ws_edge.config import EdgeConfig
from ws_edge.edge import EdgePorts
from ws_edge.metrics import EdgeMetrics
from ws_edge.service import ACCEPTING, CHECKS, run


class Service:
    """A run of one."""

    def __init__(self, log: FoldingLog, **config: int) -> None:
        self.health = Health(*CHECKS)
        ports = EdgePorts(log, log.changelog, log.nodes, NamesAsTokens(), SystemClock(), UuidSource())
        settings = EdgeConfig(node="n1", **({"port": 0} | config))  # type: ignore[arg-type]
        self.ports: list[int] = []
        self.task = asyncio.create_task(
            run(settings, ports, self.health, EdgeMetrics(CollectorRegistry()), on_listening=self.ports.append)
        )

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_it_listens_when_it_has_its_lease_and_its_view_and_not_before() -> None:
    log = FoldingLog()
    log.available = False
    service = Service(log)
    await until(lambda: "does not answer" in service.health.report()["lease"])
    assert service.ports == []
    log.available = True
    await until(lambda: service.health.is_ready)

    assert len(service.ports) == 1
    assert isinstance(log.node_records[0], Heartbeat)
    await service.stop()


async def test_stopped_it_gives_its_lease_back_and_is_not_ready() -> None:
    log = FoldingLog()
    service = Service(log)
    await until(lambda: service.health.is_ready)

    await service.stop()

    assert service.task.cancelled()
    assert isinstance(log.node_records[-1], NodeStopped)
    assert service.health.report()[ACCEPTING] == "draining"


async def test_a_start_that_cannot_be_is_one_error_that_says_what_to_do() -> None:
    log = FoldingLog()
    first = Service(log)
    await until(lambda: first.health.is_ready)

    with pytest.raises(SetupError, match="cannot listen on"):
        await Service(log, port=first.ports[0]).task
    with pytest.raises(SetupError, match="lease_ms"):
        await Service(log, lease_ms=1).task
    await first.stop()


async def test_a_log_that_is_away_does_not_keep_it_from_ending() -> None:
    log = FoldingLog()
    service = Service(log)
    await until(lambda: service.health.is_ready)
    log.available = False

    await service.stop()

    assert service.task.cancelled()
