"""The changelog of the table ``users`` on Kafka."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from presence.adapters.kafka.connection import REQUEST_TIMEOUT_MS, until_connected
from presence.adapters.kafka.tail import partitions_of, positions, tail
from presence.adapters.kafka.topics import topic_id
from presence.domain.errors import LogUnavailable
from presence.ports import ChangelogBatch
from presence.wire.topics import USERS_CHANGELOG

_IDLE_MS = 250
_EPOCH_CHECK_S = 1.0
_log = structlog.get_logger()


class KafkaChangelog:
    """Follows every partition from its beginning, without a group; see the port `Changelog`.

    `follow` survives restarts of the broker by itself. It raises `LogUnavailable` when the topic was created anew or
    lost records (noticed within about a second): what was read is void then, and the caller must read it all again.
    While nothing comes, it yields an empty sequence a few times a second, so that a caller that waits for `positions`
    to reach `high_water` sees them move over holes.
    """

    def __init__(self, bootstrap: str, *, topic: str = USERS_CHANGELOG, timeout_s: float = 5.0) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._timeout_s = timeout_s
        self._questions: AIOKafkaConsumer | None = None
        self._positions: Mapping[int, int] = {}

    async def start(self) -> None:
        """Connect. Raises `SetupError` when Kafka cannot be reached."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id="presence",
            group_id=None,
            enable_auto_commit=False,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        self._questions = consumer
        try:
            await until_connected(consumer.start, self._bootstrap)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Disconnect."""
        consumer, self._questions = self._questions, None
        if consumer is not None:
            await consumer.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def feed_epoch(self) -> str:
        """The id of the topic. Raises `LogUnavailable`; see the port."""
        return await topic_id(self._client_consumer()._client, self._topic, self._timeout_s)

    async def high_water(self) -> Mapping[int, int]:
        """The end offsets now. Raises `LogUnavailable`; see the port."""
        consumer = self._client_consumer()
        try:
            async with asyncio.timeout(self._timeout_s):
                ends = await consumer.end_offsets(await partitions_of(consumer, self._topic))
        except (KafkaError, OSError, TimeoutError) as exc:
            raise LogUnavailable(f"the end of {self._topic} is not known: {exc!r}") from exc
        return {tp.partition: end for tp, end in ends.items()}

    async def follow(self) -> AsyncIterator[Sequence[ChangelogBatch]]:
        """Yield what is there, then what comes; see the port."""
        self._positions = {}
        epoch = await self.feed_epoch()
        async with tail(self._bootstrap, self._topic, self._timeout_s) as consumer:
            watch = asyncio.create_task(self._wait_for_another_epoch(epoch), name="changelog-epoch")
            try:
                while True:
                    records = await self._fetch(consumer)
                    if watch.done():
                        raise LogUnavailable(f"topic {self._topic} was created anew")
                    self._positions = await positions(consumer)
                    yield [
                        ChangelogBatch(tp.partition, [(r.offset, r.key or b"", r.value) for r in of_partition])
                        for tp, of_partition in records.items()
                    ]
            finally:
                watch.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watch

    def positions(self) -> Mapping[int, int]:
        """Per partition the next offset to be yielded; see the port."""
        return self._positions

    async def _fetch(self, consumer: AIOKafkaConsumer) -> Mapping[Any, Sequence[Any]]:
        try:
            fetched: Mapping[Any, Sequence[Any]] = await consumer.getmany(timeout_ms=_IDLE_MS)
        except KafkaError as exc:
            raise LogUnavailable(f"{self._topic} cannot be read on: {exc!r}") from exc
        return fetched

    async def _wait_for_another_epoch(self, epoch: str) -> None:
        while True:
            await asyncio.sleep(_EPOCH_CHECK_S)
            try:
                found = await self.feed_epoch()
            except LogUnavailable:
                continue  # away is not another: the consumer reconnects by itself
            if found != epoch:
                _log.warning("changelog was created anew", topic=self._topic)
                return

    def _client_consumer(self) -> AIOKafkaConsumer:
        if self._questions is None:
            raise LogUnavailable("the changelog is not connected")
        return self._questions
