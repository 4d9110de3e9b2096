"""Rows go to the changelog in batches and come back from it; nothing that is not durable counts as done."""

import asyncio

import pytest
from aiokafka.errors import KafkaTimeoutError

from presence.domain.ids import Millis, NodeEpoch, NodeId
from presence.domain.state import NodeFence, UserPresence
from presence.domain.status import Status
from presence.wire.rows import encode_row
from streams.app import create_tables_app
from streams.batching.rows import PartitionState
from tests.unit.streams.batching.conftest import CONFIG, Meta, Record, World


def row(offset: int) -> UserPresence:
    return UserPresence(offset=offset, status=Status.ONLINE, since=Millis(1))


def record(at: int, key: str, version: int | None) -> Record:
    return Record(at, key.encode(), None if version is None else encode_row(row(version)))


def owned(world: World, partition: int) -> PartitionState:
    state = world.table.partition(partition)
    assert state is not None
    return state


async def test_a_flush_sends_the_last_version_of_each_row_as_the_wire_writes_it(world: World) -> None:
    await world.assign(1)
    state = owned(world, 1)
    state.rows["acme/ann"] = row(1)
    state.rows["acme/bob"] = row(2)
    state.rows["acme/ann"] = row(3)
    del state.rows["acme/bob"]

    await world.table.flush(state)
    await asyncio.sleep(0)

    (sent,) = world.producer.sent
    assert (sent.topic, sent.partition) == ("presence-users-changelog", 1)
    assert sent.rows == [("acme/ann", encode_row(row(3))), ("acme/bob", None)]
    assert state.is_settled
    assert state.offset == 1
    await world.table.flush(state)
    assert len(world.producer.sent) == 1


async def test_rows_to_be_put_last_wait_until_all_others_are_durable(world: World) -> None:
    await world.assign(0)
    state, fence = owned(world, 0), NodeFence(5, NodeId("n"), NodeEpoch(1))
    world.producer.auto = False
    state.rows["acme/ann"] = row(1)
    state.rows.put_last("~fence/0/n", fence)

    flushing = asyncio.create_task(world.table.flush(state))
    await asyncio.sleep(0)
    before = [sent.rows for sent in world.producer.sent]
    world.producer.sent[0].future.set_result(Meta(0))
    await flushing

    assert before == [[("acme/ann", encode_row(row(1)))]]
    assert world.producer.sent[1].rows == [("~fence/0/n", encode_row(fence))]


async def test_rows_to_be_put_last_keep_waiting_when_the_others_fail(world: World) -> None:
    await world.assign(0)
    state, fence = owned(world, 0), NodeFence(5, NodeId("n"), NodeEpoch(1))
    world.producer.auto = False
    state.rows["acme/ann"] = row(1)
    state.rows.put_last("~fence/0/n", fence)
    flushing = asyncio.create_task(world.table.flush(state))
    await asyncio.sleep(0)
    world.producer.sent[0].future.set_exception(KafkaTimeoutError())
    await flushing
    world.producer.auto = True

    assert await world.table.flush_all(1.0)

    assert [sent.rows[0][0] for sent in world.producer.sent] == ["acme/ann", "acme/ann", "~fence/0/n"]


async def test_a_batch_that_failed_is_written_again_with_what_the_rows_are_now(world: World) -> None:
    await world.assign(0)
    state = owned(world, 0)
    world.producer.auto = False
    state.rows["acme/ann"] = row(1)
    state.rows["acme/bob"] = row(1)
    await world.table.flush(state)
    world.producer.sent[0].future.set_exception(KafkaTimeoutError())
    await asyncio.sleep(0)
    failed = state.is_settled
    state.rows["acme/ann"] = row(2)
    del state.rows["acme/bob"]
    world.producer.auto = True

    assert await world.table.flush_all(1.0)

    assert not failed
    assert world.table.failures == 1
    assert dict(world.producer.sent[1].rows) == {"acme/ann": encode_row(row(2)), "acme/bob": None}


async def test_a_flush_that_is_not_durable_in_time_says_so(world: World) -> None:
    await world.assign(0)
    state = owned(world, 0)
    world.producer.auto = False
    state.rows["acme/ann"] = row(1)

    assert not await world.table.flush_all(0.05)


async def test_recovery_loads_rows_tombstones_and_the_place_reached(world: World) -> None:
    await world.assign(2)

    world.read(2, record(0, "acme/ann", 1), record(1, "acme/bob", 2), record(5, "acme/bob", None))

    state = owned(world, 2)
    assert dict(state.rows) == {"acme/ann": row(1)}
    assert state.offset == 5
    assert state.is_settled
    assert world.table.persisted_offset(world.app.consumer._new_topicpartition(world.changelog, 2)) == 5


async def test_an_older_row_of_a_fenced_worker_loses_and_is_written_over(world: World) -> None:
    await world.assign(0)
    world.read(0, record(0, "acme/ann", 7), record(1, "acme/bob", 7))
    world.read(0, record(2, "acme/ann", 5), record(3, "acme/bob", 5), record(4, "acme/bob", 8))

    await world.table.on_recovery_completed(set(), set())
    state = owned(world, 0)
    await world.table.flush(state)

    assert dict(state.rows) == {"acme/ann": row(7), "acme/bob": row(8)}
    assert world.producer.sent[0].rows == [("acme/ann", encode_row(row(7)))]
    assert world.table.healed_rows == 1


async def test_a_row_that_cannot_be_decoded_is_fatal_not_skipped(world: World) -> None:
    await world.assign(0)

    world.read(0, Record(0, b"acme/ann", b"{"), record(1, "acme/bob", 1))

    assert [part for part, _ in world.fatal] == ["recovery"]
    assert owned(world, 0).offset is None


async def test_batches_of_other_generations_and_partitions_are_not_loaded(world: World) -> None:
    await world.assign(0)

    world.read(0, record(0, "acme/ann", 1), generation=99)
    world.read(3, record(0, "acme/ann", 1))

    assert dict(owned(world, 0).rows) == {}
    assert world.table.partition(3) is None


async def test_a_kept_partition_goes_on_and_a_new_or_lost_one_begins_anew(world: World) -> None:
    await world.assign(0, 1)
    world.read(0, record(4, "acme/ann", 1))
    world.read(1, record(4, "acme/bob", 1))
    kept, lost = owned(world, 0), owned(world, 1)

    await world.assign(0, 2, newly=[2])
    await world.assign(0, 1, 2, newly=[1])

    assert owned(world, 0) is kept
    assert owned(world, 1) is not lost
    assert owned(world, 1).offset is None


async def test_a_kept_partition_with_rows_that_are_not_durable_begins_anew(world: World) -> None:
    await world.assign(0)
    world.read(0, record(4, "acme/ann", 1))
    owned(world, 0).rows["acme/ann"] = row(9)

    await world.assign(0, newly=[])

    assert owned(world, 0).offset is None
    assert dict(owned(world, 0).rows) == {}


async def test_a_batch_of_a_partition_that_was_lost_meanwhile_is_not_sent(world: World) -> None:
    await world.assign(0)
    state = owned(world, 0)
    state.rows["acme/ann"] = row(1)
    await world.assign(1)

    await world.table.flush(state)

    assert world.producer.sent == []


async def test_the_fold_is_told_when_the_rows_are_complete(world: World) -> None:
    told = []
    world.table.on_recovered = lambda states: told.append(sorted(states))
    await world.assign(0, 3)

    await world.table.on_recovery_completed(set(), set())

    assert told == [[0, 3]]


def test_what_does_not_go_with_batches_is_refused() -> None:
    app, table = create_tables_app(CONFIG, lambda *_: None)

    with pytest.raises(ValueError, match="use_partitioner"):
        type(table)(app, name="other", codec=table.codec, on_fatal=table.on_fatal, use_partitioner=True)
