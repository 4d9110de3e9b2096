"""A producer that outlives its broker: durable, in order per partition, bounded, and never broken for ever.

aiokafka's idempotent producer retries for ever, which is right, but it has states it never leaves by itself:

* A batch that failed for good (out of order sequence after the broker lost data, unknown producer id, no leader for
  too long: ``message_accumulator.drain_by_nodes`` gives such a batch a sequence number and then does not send it)
  leaves a hole in the sequence, and every later batch of that partition is refused. So after any failed batch the whole
  producer is thrown away and a fresh one, with a fresh producer id, takes over. What was pending in the old one is
  told to have failed; the old one is gone before the new one sends, so order holds.
* ``stop()`` waits for pending batches without an end when the broker is away (`_abandon`).
"""

import asyncio
import contextlib
import functools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Self

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner

from presence.adapters.kafka.connection import REQUEST_TIMEOUT_MS, until_connected
from presence.domain.errors import LogUnavailable, SetupError, TooLarge
from presence.domain.ids import Millis
from presence.ports import Appended

MAX_UNACKED = 10_000
"""Appends that may wait for their acknowledgement. Half: bursts of reconnects are refused; double: twice the memory
(about 10 MB) is held while the broker is away."""

MAX_REQUEST_BYTES = 4 * 1024 * 1024
"""Largest record. The broker's own limit, 1 MiB by default, comes first but for topics that allow more."""

_PROBE_S = 1.0
_RECONNECT_S = 0.5
_log = structlog.get_logger()
_partition_of = DefaultPartitioner()


class DurableProducer:
    """Send records and wait until every in-sync replica has them."""

    def __init__(self, bootstrap: str, *, ack_timeout_s: float = 5.0, linger_ms: int = 0) -> None:
        self._bootstrap = bootstrap
        self._ack_timeout_s = ack_timeout_s
        self._linger_ms = linger_ms
        self._producer: AIOKafkaProducer | None = None
        self._connected = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        # One at a time may hand a record of a partition to aiokafka: while a batch is full it lets later ones overtake.
        self._turns: dict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._partitions: dict[str, int] = {}
        self._unacked = 0
        self._overdue = 0
        self._answers = False
        self._is_stopped = False

    @property
    def is_available(self) -> bool:
        """Whether Kafka answers and no append is overdue."""
        return self._answers and self._overdue == 0 and self._connected.is_set()

    async def start(self, *topics: str) -> None:
        """Connect and learn the partitions of ``topics``. Raises `SetupError` when Kafka cannot be reached."""
        producer = await self._connect_first()
        self._producer = producer
        self._connected.set()
        for topic in topics:
            await self._count_partitions(producer, topic)
        self._answers = True
        self._spawn(self._probe(), "kafka-producer-probe")

    async def stop(self) -> None:
        """Send what is pending, for at most the acknowledgement timeout, and disconnect."""
        self._is_stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        producer, self._producer = self._producer, None
        self._connected.clear()
        if producer is None:
            return
        try:
            async with asyncio.timeout(self._ack_timeout_s):
                await producer.flush()
        except TimeoutError:
            _log.warning("records were not acknowledged before the stop", records=self._unacked)
        await _abandon(producer)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def partitions_of(self, topic: str) -> int:
        """How many partitions a topic given to `start` has."""
        return self._partitions[topic]

    def partition_for(self, topic: str, key: bytes) -> int:
        """The partition of a key, by the murmur2 hash that all Kafka clients agree on."""
        partition: int = _partition_of(key, range(self._partitions[topic]), None)
        return partition

    async def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        at: Millis | None = None,
    ) -> Appended:
        """Send one record; return when it is durable.

        Records of one partition keep the order in which `send` was called.

        Raises:
            LogUnavailable: not acknowledged in time, or too many are waiting. The record may or may not be kept.
            TooLarge: the record is larger than any broker takes.
        """
        if self._is_stopped:
            raise LogUnavailable("the producer is stopped")
        if self._unacked >= MAX_UNACKED:
            raise LogUnavailable(f"{self._unacked} records wait for Kafka, no more are taken")
        self._unacked += 1
        acked: asyncio.Future[Any] | None = None
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(self._ack_timeout_s):
                async with self._turns[topic, partition]:
                    await self._connected.wait()
                    producer = self._producer
                    if producer is None:
                        raise LogUnavailable("the producer is being replaced")
                    acked = await producer.send(topic, value, key, partition, at, list(headers))
                    acked.add_done_callback(functools.partial(self._settle, producer))
                # Shielded: it goes on, is counted until it ends, and must not be forgotten by aiokafka.
                metadata = await asyncio.shield(acked)
        except TimeoutError as exc:
            self._mark_overdue(acked)
            raise LogUnavailable(f"Kafka did not acknowledge within {self._ack_timeout_s} s") from exc
        except MessageSizeTooLargeError as exc:
            raise TooLarge("record bytes", len(value or b""), MAX_REQUEST_BYTES) from exc
        except KafkaError as exc:
            if acked is None:
                self._retire(producer, exc)
            raise LogUnavailable(f"Kafka refused the record: {exc!r}") from exc
        finally:
            if acked is None:
                self._unacked -= 1
        return Appended(partition, metadata.offset)

    def _mark_overdue(self, acked: "asyncio.Future[Any] | None") -> None:
        self._answers = False
        if acked is None or acked.done():
            return
        self._overdue += 1
        acked.add_done_callback(self._settle_overdue)

    def _settle_overdue(self, _: "asyncio.Future[Any]") -> None:
        self._overdue -= 1

    def _settle(self, producer: AIOKafkaProducer, acked: "asyncio.Future[Any]") -> None:
        self._unacked -= 1
        error = None if acked.cancelled() else acked.exception()
        if error is None:
            self._answers = True
        else:
            self._retire(producer, error)

    def _retire(self, producer: AIOKafkaProducer | None, error: BaseException) -> None:
        if producer is not None and producer is self._producer:
            _log.error("producer broken, a fresh one takes over", error=repr(error))
            self._producer = None
            self._connected.clear()
            self._spawn(self._replace(producer), "kafka-producer-replace")

    async def _replace(self, old: AIOKafkaProducer) -> None:
        await _abandon(old)
        while True:
            fresh = self._new_producer()
            try:
                await fresh.start()
            except (KafkaError, OSError) as exc:
                _log.warning("kafka cannot be reached", error=repr(exc))
                await _abandon(fresh)
                await asyncio.sleep(_RECONNECT_S)
            except asyncio.CancelledError:
                await _abandon(fresh)
                raise
            else:
                self._producer = fresh
                self._connected.set()
                return

    async def _probe(self) -> None:
        """Ask for metadata now and then, so that availability is known when nothing is appended."""
        while True:
            await asyncio.sleep(_PROBE_S)
            producer = self._producer
            if producer is None:
                continue
            try:
                async with asyncio.timeout(self._ack_timeout_s):
                    self._answers = bool(await producer.client.force_metadata_update())
            except TimeoutError:
                self._answers = False

    async def _connect_first(self) -> AIOKafkaProducer:
        producer = self._new_producer()
        try:
            await until_connected(producer.start, self._bootstrap)
        except BaseException:
            await _abandon(producer)
            raise
        return producer

    async def _count_partitions(self, producer: AIOKafkaProducer, topic: str) -> None:
        try:
            async with asyncio.timeout(self._ack_timeout_s):
                self._partitions[topic] = len(await producer.partitions_for(topic))
        except (KafkaError, TimeoutError) as exc:
            await self.stop()
            raise SetupError(
                f"topic {topic} does not exist on Kafka at {self._bootstrap}", "Create the topics first."
            ) from exc

    def _new_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id="presence",
            acks="all",
            enable_idempotence=True,
            linger_ms=self._linger_ms,
            max_batch_size=128 * 1024,
            max_request_size=MAX_REQUEST_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            retry_backoff_ms=200,
        )

    def _spawn(self, work: Any, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Stop a producer now: fail what is pending, end its sender, close its connections."""
    error = KafkaError("the producer was given up")
    # Private: there is no public way to stop without waiting for pending batches, see the module's docstring.
    producer._message_accumulator.fail_all(error)
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
    await producer.client.close()
    if sender is not None:
        with contextlib.suppress(asyncio.CancelledError, KafkaError):
            await sender
    await producer.stop()
