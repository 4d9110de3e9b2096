"""A Faust producer that writes whole batches of changelog rows, and whose flush is a promise.

Overrides, with the place in faust 0.15.3 each depends on:

* `flush` (drivers/aiokafka.py:1487) is what a commit waits for (consumer.py:1073). Stock Faust gives up after 100 ms
  (producer.py:88) and ignores errors, so that offsets are committed whose rows were never written. Here it writes what
  the tables still hold and returns only when all of it is durable.

The producer is *not* idempotent on purpose: aiokafka's idempotent producer retries without an end, so that a worker
that lost its partitions could write rows minutes later. Without it a batch dies after ``producer_request_timeout``
(below the session timeout), and the table writes the rows again, if it still owns them. Order holds all the same, as
aiokafka has one batch per partition in flight; a batch written twice changes nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from faust.exceptions import ProducerSendError
from faust.transport.drivers import aiokafka as driver

from streams.batching.app import FAUST_LOGGER, BatchingOptions
from streams.batching.table import BatchTable

OnSent = Callable[[list[str], "asyncio.Future[Any]"], None]


class BatchProducer(driver.Producer):
    """Writes rows for `BatchTable`."""

    logger = FAUST_LOGGER

    async def send_rows(
        self, topic: str, partition: int, rows: Sequence[tuple[str, bytes | None]], on_sent: OnSent
    ) -> None:
        """Send rows, keys as UTF-8, in as few batches as they fit in; tell the keys and the future of each batch.

        Raises aiokafka's ``KafkaError`` when a batch cannot even be queued.
        """
        producer = self._ensure_producer()
        batch = producer.create_batch()
        keys: list[str] = []
        for key, value in rows:
            if batch.append(timestamp=None, key=key.encode(), value=value) is None:
                # The first row of a batch always fits: rows are far smaller than a batch.
                on_sent(keys, await producer.send_batch(batch, topic, partition=partition))
                batch, keys = producer.create_batch(), []
                batch.append(timestamp=None, key=key.encode(), value=value)
            keys.append(key)
        if keys:
            on_sent(keys, await producer.send_batch(batch, topic, partition=partition))

    async def flush(self) -> None:
        """Return when everything the tables hold is durable. Raises ``ProducerSendError`` when that takes too long."""
        if self._producer is None:
            return  # stopped, or not yet started
        timeout_s = getattr(self.app, "batching", BatchingOptions()).flush_timeout_s
        for table in self.app.tables.values():
            if isinstance(table, BatchTable) and not await table.flush_all(timeout_s):
                raise ProducerSendError(f"rows of {table.changelog_topic_name} are not durable after {timeout_s} s")
        await super().flush()
