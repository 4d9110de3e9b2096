"""A Faust consumer that delivers batches and commits past a batch only when it was acknowledged.

Overrides, with the place in faust 0.15.3 each depends on (tests/contract/test_faust_members.py watches them):

* `getmany` (transport/consumer.py:693) yields one message per chunk of a partition instead of one per record. Its
  offset is that of the *last* record. All checks of the original are kept: flow stopped, generation changed, partition
  not active.
* `_add_gap` and `_new_offset` (:1157, :1097): stock code takes the space between two messages for a gap and commits
  over it. To it every batch is a gap; acknowledged out of order it would commit over unprocessed ones. So we keep our
  own queue of delivered batches per partition and advance while its head is acknowledged. ``ack`` itself cannot be
  overridden (the Cython stream inlines it), so we read ``_acked_index``.
* `perform_seek`, `seek`, `on_partitions_revoked` forget what was delivered, since it will be delivered again. A fetch
  that was under way meanwhile is thrown away: its records would overtake those before them, and whatever is folded
  first makes the fold skip what came before it.
* `wait_empty` (:867) has no timeout in stock Faust: one stuck agent would block every rebalance and the shutdown.
* `_commit_offsets` (:1047) of stock Faust notes an offset as committed even if Kafka refused it (:1080), and a failed
  flush of the producer would crash the worker where waiting is enough.
* `pause_partitions` and `resume_partitions` (:553) only filter what is delivered, so that aiokafka fetches our own
  changelog again, never gets rid of it, and waits 100 ms (its ``prefetch_backoff``) each time before it fetches from
  that broker at all: seen as a second of bad latency after every start. Ours pause the changelog in aiokafka too.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from faust.exceptions import ProducerSendError
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, ConsumerMessage

from streams.batching.app import FAUST_LOGGER, BatchingOptions
from streams.batching.schema import BatchSchema
from streams.batching.thread import BatchConsumerThread

_POLL_S = 0.01
_log = structlog.get_logger()


class BatchConsumer(driver.Consumer):
    """Delivers ``list[ConsumerRecord]`` for topics whose channels all have a `BatchSchema`."""

    logger = FAUST_LOGGER

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Last offsets of the batches delivered and not yet committable, in order of delivery.
        self._delivered: dict[TP, deque[int]] = defaultdict(deque)
        # The offset up to which everything is acknowledged.
        self._committable: dict[TP, int] = {}
        # How often positions were set: tells a fetch that began before.
        self._seeks = 0
        super().__init__(*args, **kwargs)
        options = getattr(self.app, "batching", BatchingOptions())
        self.batch_size: int = options.batch_size
        self.drain_timeout_s: float = options.drain_timeout_s

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def pause_partitions(self, tps: Iterable[Any]) -> None:
        """Deliver nothing of these partitions; of the changelog fetch nothing either."""
        super().pause_partitions(tps)
        self._in_thread(self._thread.pause, tps)

    def resume_partitions(self, tps: Iterable[Any]) -> None:
        """Deliver these partitions again."""
        super().resume_partitions(tps)
        self._in_thread(self._thread.resume, tps)

    def _in_thread(self, work: Callable[[list[TP]], None], tps: Iterable[Any]) -> None:
        changelogs = [TP(tp.topic, tp.partition) for tp in tps if self._is_changelog_tp(tp)]
        if changelogs:
            self._thread.thread_loop.call_soon_threadsafe(work, changelogs)

    def _is_batched(self, tp: Any) -> bool:
        channels = self.app.topics._topic_name_index.get(tp.topic)
        return bool(channels) and all(isinstance(channel.schema, BatchSchema) for channel in channels)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        """Yield what was fetched, in batches."""
        if self.flow_active and not self._get_active_partitions():
            # The original (:791) sleeps for a second, by which every rebalance would be longer.
            await asyncio.sleep(_POLL_S)
            return
        seeks = self._seeks
        fetched, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if fetched is None or self.should_stop:
            return
        if not self.flow_active:
            await self._seek_back()
            return
        if fetched and seeks != self._seeks:
            # A seek overtook the fetch. What it brought is from the old positions and must not go first; and as the
            # positions have moved past it, it would be lost if it were only dropped.
            await self.perform_seek()
            return
        plain = {}
        for tp, records in fetched.items():
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                continue
            if not self._is_batched(tp):
                plain[tp] = records
                continue
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            for start in range(0, len(records), self.batch_size):
                if not self.flow_active or self.app.consumer_generation_id != generation:
                    return
                message = self._batch(tp, records[start : start + self.batch_size], generation)
                if message is not None:
                    yield message.tp, message
        for tp, record in self.scheduler.iterate(plain):
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            yield tp, self._to_message(tp, record)

    def _batch(self, tp: Any, records: list[Any], generation: int) -> ConsumerMessage | None:
        last = records[-1]
        key = TP(tp.topic, tp.partition)
        read = self._read_offset[key]
        if read is not None and last.offset < read:
            return None  # _drain_messages (:1209) would drop it: it must not be waited for
        if self.app.topics.acks_enabled_for(tp.topic):
            self._delivered[key].append(last.offset)
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            None,
            None,
            records,
            None,
            0,
            sum(record.serialized_value_size for record in records),
            key,
            generation_id=generation,
        )

    async def _seek_back(self) -> None:
        try:
            await self.perform_seek()
        except (KafkaError, AssertionError, TimeoutError) as exc:
            # As in the original (:767): the flow is stopped, and whoever resumes it seeks again.
            _log.info("seek while the flow was stopped failed", error=repr(exc))

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if not self._is_batched(tp):
            # 0.15.3 takes the message itself for a part of the gap before it.
            await super()._add_gap(tp, offset_from, max(offset_from, offset_to - 1))

    def _new_offset(self, tp: TP) -> int | None:
        if not self._is_batched(tp):
            offset: int | None = super()._new_offset(tp)
            return offset
        queue, acked = self._delivered[tp], self._acked_index[tp]
        while queue and queue[0] in acked:
            self._committable[tp] = queue.popleft() + 1  # +1: Kafka's committed offset is the next to read
        done = self._committable.get(tp)
        if done is not None and self._acked[tp]:
            acked.difference_update([offset for offset in acked if offset < done])
            self._acked[tp] = [offset for offset in self._acked[tp] if offset >= done]
        # Not consumed: a commit that fails finds the same offset again.
        return done

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        before = {tp: self._committed_offset[tp] for tp in offsets}
        try:
            # The rows must be durable before the events count as done; the original flushes too, then finds nothing.
            await self.app.producer.flush()
            committed: bool = await super()._commit_offsets(offsets, start_new_transaction)
        except ProducerSendError as exc:
            _log.warning("not committed, the changelog is behind", error=str(exc))
            return False
        if not committed:
            self._committed_offset.update(before)
        return committed

    def _forget(self, tps: Iterable[Any]) -> None:
        for tp in tps:
            key = TP(tp.topic, tp.partition)
            self._delivered.pop(key, None)
            self._committable.pop(key, None)
            # Kept keys: ack() and stock code index them.
            if key in self._acked:
                self._acked[key] = []
                self._acked_index[key].clear()

    async def perform_seek(self) -> None:
        """Go back to the committed offsets: what is not committed will be delivered again.

        Written anew, as the original (:513) leaves a partition without a committed offset where it is: aiokafka's
        ``seek_to_committed`` skips it. Records that were fetched and dropped by a rebalance before the first commit
        were then never seen again.
        """
        committed = await self.seek_to_committed()
        acks = self.app.topics.acks_enabled_for
        from_start = [tp for tp, offset in committed.items() if (offset is None or offset <= 0) and acks(tp.topic)]
        if from_start:
            # Where the log no longer begins at 0, Kafka says so and auto_offset_reset finds its beginning.
            await self.seek_wait(dict.fromkeys(from_start, 0))
        for tp, offset in committed.items():
            key = TP(tp.topic, tp.partition)
            known = offset is not None and offset > 0
            self._read_offset[key] = offset if known else None
            if known:
                self._committed_offset[key] = offset
        self._forget(list(self._delivered) + list(self._committable))
        self._seeks += 1

    async def seek(self, partition: TP, offset: int) -> None:
        """Go to an offset."""
        self._seeks += 1
        self._forget([partition])
        await super().seek(partition, offset)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let go of partitions.

        The original drops what was acknowledged before it waits for the agents and commits (:571), so that the last
        second of work would always be done again. Commit first.
        """
        self.stop_flow()
        self.app.flow_control.suspend()
        await self.wait_empty()
        try:
            await super().on_partitions_revoked(revoked)
        finally:
            self._forget(revoked)

    async def wait_empty(self) -> None:
        """Wait for the batches in work, but not for ever, then commit what is done.

        Written anew, as the original cannot be cancelled: its ``_wait_for_ack`` (:851) swallows cancellations.
        """
        deadline = time.monotonic() + self.drain_timeout_s
        self._clean_unacked_messages()
        while self._unacked_messages and not self.should_stop:
            if time.monotonic() >= deadline:
                # Not acknowledged, hence not committed: whoever comes next does it again.
                _log.warning("batch in work did not end in time", seconds=self.drain_timeout_s)
                break
            await asyncio.sleep(_POLL_S)
            self._clean_unacked_messages()
        # Else the commit below would only wait for one that began before the last batch was done.
        await self.maybe_wait_for_commit_to_finish()
        await self.commit_and_end_transactions()
