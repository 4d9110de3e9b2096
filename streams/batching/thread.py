"""The thread in which aiokafka's consumer runs.

* The thread leaves the group on a graceful stop. aiokafka does not for static members (group_coordinator.py:374), so
  that their partitions stand still for the session timeout; for a restart that is right, but a restart is fast enough
  to be a rebalance like any other, and a scale-down must not cost users six seconds.
* Idle fetches are held for a shorter time, and partitions can be paused in aiokafka itself (`BatchConsumer` says when).
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.protocol.group import LeaveGroupRequest
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP

from streams.batching.app import FAUST_LOGGER

_LEAVE_TIMEOUT_S = 1.0
_FETCH_WAIT_MS = 200
"""How long the broker holds a fetch when nothing is there. Half: twice the idle requests (5/s); double: each rebalance
of an idle worker takes half a second longer."""
_log = structlog.get_logger()


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread of the consumer; leaves the group when it stops in peace."""

    logger = FAUST_LOGGER

    def _create_worker_consumer(self, transport: Any) -> Any:
        """Make the consumer; overrides drivers/aiokafka.py:582, which holds idle fetches for 1.5 s.

        Kafka answers a connection's requests in order, so each question for offsets (two in every rebalance, and the
        watchdog's) waits behind such a fetch.
        """
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MS
        return consumer

    async def on_thread_stop(self) -> None:
        """Leave the group, then stop; overrides drivers/aiokafka.py ``AIOKafkaConsumerThread.on_thread_stop``."""
        consumer = self._consumer
        coordinator = getattr(consumer, "_coordinator", None)
        if coordinator is not None and getattr(coordinator, "_group_instance_id", None) and coordinator.generation > 0:
            request = LeaveGroupRequest(coordinator.group_id, coordinator.member_id)
            try:
                async with asyncio.timeout(_LEAVE_TIMEOUT_S):
                    await coordinator._send_req(request)
            except (KafkaError, TimeoutError) as exc:
                _log.info("group not left, it will notice by itself", error=repr(exc))
        await super().on_thread_stop()

    def pause(self, tps: Iterable[TP]) -> None:
        """Stop fetching these partitions; to be called in the thread."""
        self._switch(lambda consumer, tp: consumer.pause(tp), tps)

    def resume(self, tps: Iterable[TP]) -> None:
        """Fetch these partitions again; to be called in the thread."""
        self._switch(lambda consumer, tp: consumer.resume(tp), tps)

    def _switch(self, switch: Callable[[Any, Any], None], tps: Iterable[TP]) -> None:
        for tp in tps:
            # A partition that is no longer assigned is not fetched anyway.
            with contextlib.suppress(IllegalStateError):
                switch(self._ensure_consumer(), driver.ensure_aiokafka_TP(tp))
