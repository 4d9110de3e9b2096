"""Run a worker of the tables app or of the history app in the event loop that calls.

Both end when they are cancelled: what is folded is committed, the group is left. Turning SIGTERM into a cancellation is
the caller's business. Faults that nobody foresaw end the *process* with `EXIT_FAULT`: Faust would go on with a hole.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from faust.contrib.asgi import bind_to_running_loop

from presence.domain.errors import SetupError
from presence.ports import Clock, DeadLetters, EventLog, HistoryStore, IdSource, NodeFeed
from presence.telemetry.health import Health
from streams.agents import HISTORY_CHECKS, TABLES_CHECKS, HistoryAgent, TablesAgent, Undertaker
from streams.app import add_agent, create_history_app, create_tables_app
from streams.batching.app import BatchingApp
from streams.batching.rows import PartitionState
from streams.batching.table import BatchTable
from streams.config import StreamsConfig
from streams.detector import Detector
from streams.metrics import StreamsMetrics
from streams.owned import OwnedPartition
from streams.patience import Patience
from streams.timers import Timers
from streams.watchdog import Watchdog

__all__ = ["EXIT_FAULT", "HISTORY_CHECKS", "TABLES_CHECKS", "HistoryPorts", "TablesPorts", "run_history", "run_tables"]

EXIT_FAULT = 70
"""Exit code after a fault, "internal software error" in sysexits.h: start the process again."""

STOP_WITHIN_S = 15.0
"""How long a stop may take. Half: a slow broker costs a second fold of the last second; double: so does a kill."""

DETECTOR_PARTITION = 0
_log = structlog.get_logger()
ExitProcess = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class TablesPorts:
    """What the tables app needs from the world."""

    log: EventLog
    nodes: NodeFeed
    dead_letters: DeadLetters
    clock: Clock
    ids: IdSource


@dataclass(frozen=True, slots=True)
class HistoryPorts:
    """What the history app needs from the world."""

    store: HistoryStore
    dead_letters: DeadLetters
    clock: Clock


async def run_tables(
    config: StreamsConfig,
    ports: TablesPorts,
    health: Health,
    metrics: StreamsMetrics,
    exit_process: ExitProcess = os._exit,
) -> None:
    """Fold ``presence-events`` into the table until cancelled. Raises `SetupError` when Kafka cannot be reached."""
    on_fatal = _fault(metrics, exit_process)
    app, table = create_tables_app(config, on_fatal)
    patience = Patience(health, metrics, config.retry_s)
    undertaker = Undertaker(ports.dead_letters, patience, metrics)
    timers = Timers(config, ports.log, ports.clock, metrics)
    agent = TablesAgent(table, timers, undertaker, metrics, on_fatal)
    detector = Detector(config, ports.log, ports.nodes, ports.clock, ports.ids, metrics)
    ownership = _Ownership(table, agent, timers, detector, health, metrics)
    table.on_recovered = ownership.begin
    add_agent(app, config, "tables", agent.run)
    app.on_partitions_revoked.connect(ownership.on_revoked, weak=False)
    health.ok("dead_letters")
    watchdog = Watchdog(app, config, ports.clock, health, metrics, lambda: patience.is_holding)
    await _run(app, [watchdog.run(), timers.run(), ownership.run()], on_fatal)


async def run_history(
    config: StreamsConfig,
    ports: HistoryPorts,
    health: Health,
    metrics: StreamsMetrics,
    exit_process: ExitProcess = os._exit,
) -> None:
    """Write ``presence-events`` into the history until cancelled. Raises `SetupError` when Kafka cannot be reached."""
    on_fatal = _fault(metrics, exit_process)
    app = create_history_app(config)
    patience = Patience(health, metrics, config.retry_s)
    undertaker = Undertaker(ports.dead_letters, patience, metrics)
    agent = HistoryAgent(config, ports.store, patience, undertaker, metrics, on_fatal)
    add_agent(app, config, "history", agent.run)

    async def assigned(_app: object, **_: object) -> None:
        health.ok("assigned")

    async def revoked(_app: object, *_args: object, **_: object) -> None:
        health.fail("assigned", "rebalancing")

    app.on_rebalance_complete.connect(assigned, weak=False)
    app.on_partitions_revoked.connect(revoked, weak=False)
    health.ok("dead_letters")
    health.ok("postgres")
    watchdog = Watchdog(app, config, ports.clock, health, metrics, lambda: patience.is_holding)
    await _run(app, [watchdog.run()], on_fatal)


class _Ownership:
    """Starts and stops what goes with owning partitions: folds, timers, the failure detector."""

    def __init__(
        self,
        table: BatchTable,
        agent: TablesAgent,
        timers: Timers,
        detector: Detector,
        health: Health,
        metrics: StreamsMetrics,
    ) -> None:
        self._table = table
        self._agent = agent
        self._timers = timers
        self._detector = detector
        self._health = health
        self._metrics = metrics
        self._changed = asyncio.Event()

    def begin(self, states: Mapping[int, PartitionState]) -> None:
        """Take over partitions whose rows are complete."""
        # Made anew even for kept partitions: recovery may have brought rows that the indexes do not know.
        owned = {number: OwnedPartition(state) for number, state in states.items()}
        self._agent.owned = owned
        self._timers.own(owned)
        self._changed.set()
        rows = sum(len(state.rows) for state in states.values())
        self._metrics.rows.set(rows)
        self._metrics.recoveries.inc()
        self._health.ok("recovered")
        _log.info("partitions recovered", partitions=sorted(owned), rows=rows)

    async def on_revoked(self, _app: object, *_args: object, **_: object) -> None:
        """Let go: a signal of Faust, sent when the agent has drained."""
        self._agent.owned = {}
        self._timers.disown()
        self._changed.set()
        self._health.fail("recovered", "rebalancing")

    async def run(self) -> None:
        """Run the detector while its partition is ours; count what changes slowly."""
        detecting: asyncio.Task[None] | None = None
        failures = healed = 0
        try:
            while True:
                wanted = DETECTOR_PARTITION in self._agent.owned
                if wanted and detecting is None:
                    detecting = asyncio.create_task(self._detector.run(), name="detector")
                elif not wanted and detecting is not None:
                    await _end(detecting)
                    detecting = None
                elif detecting is not None and detecting.done():
                    detecting.result()
                self._metrics.changelog_failures.inc(self._table.failures - failures)
                self._metrics.healed_rows.inc(self._table.healed_rows - healed)
                failures, healed = self._table.failures, self._table.healed_rows
                self._metrics.rows.set(sum(len(state.rows) for state in self._table.states.values()))
                self._changed.clear()
                await _first(self._changed.wait(), 1.0)
        finally:
            if detecting is not None:
                await _end(detecting)


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _first(waiting: Awaitable[object], timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await waiting
    except TimeoutError:
        pass


def _fault(metrics: StreamsMetrics, exit_process: ExitProcess) -> Callable[[str, Exception], None]:
    def on_fatal(part: str, error: Exception) -> None:
        metrics.crashes.labels(part).inc()
        _log.critical("worker ends after a fault", part=part, error=repr(error), exc_info=error)
        sys.stderr.flush()
        exit_process(EXIT_FAULT)

    return on_fatal


async def _run(
    app: BatchingApp, background: list[Coroutine[Any, Any, None]], on_fatal: Callable[[str, Exception], None]
) -> None:
    bind_to_running_loop(app)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_start(app), name="faust-start")
            tasks.create_task(_wait_for_crash(app), name="faust-crash")
            for number, work in enumerate(background):
                tasks.create_task(work, name=f"streams-{number}")
    except ExceptionGroup as group:
        for error in group.exceptions:
            if isinstance(error, SetupError):
                raise error from None
        on_fatal("worker", group)
        raise
    finally:
        await _stop(app)


async def _start(app: BatchingApp) -> None:
    try:
        await app.start()
    except (KafkaError, OSError) as exc:
        raise SetupError(
            f"Kafka at {', '.join(url.authority for url in app.conf.broker)} does not answer ({exc!r})",
            "Check that the broker runs and that the address is right and reachable from here.",
        ) from exc


async def _wait_for_crash(app: BatchingApp) -> None:
    await app.wait()
    if app.crashed:
        raise RuntimeError("Faust crashed") from app.crash_reason


async def _stop(app: BatchingApp) -> None:
    try:
        async with asyncio.timeout(STOP_WITHIN_S):
            await app.stop()
    except TimeoutError:
        _log.error("worker did not stop in time", seconds=STOP_WITHIN_S)
