"""What happens because time passed is appended to the log and folded like anything else."""

import asyncio

import pytest

from presence.adapters.memory.time import SystemClock
from presence.domain.events import GraceOver, NodeLost, OverrideOver, OverrideSet, RetentionOver
from presence.domain.ids import EventId, Millis, NodeEpoch
from presence.domain.leases import Heartbeat
from presence.domain.status import Layer, Status
from presence.wire.events import decode_event
from tests.support.inprocess import running_tables
from tests.support.installation import Installation
from tests.support.scenes import NODE, closed, key, lost, opened

pytestmark = [pytest.mark.devstack, pytest.mark.slow]


async def events(where: Installation) -> list[object]:
    return [decode_event(r.value, r.headers) for r in await where.records(where.names.events)]


async def until_gone(where: Installation, name: str, within_s: float = 20.0) -> None:
    """Wait until a user has no session, or no row, in the changelog."""
    await where.until(lambda rows: b'"sessions":{"s-' not in rows.get(key(name), b""), within_s)


async def test_a_lost_session_ends_with_its_grace(where: Installation) -> None:
    clock = SystemClock()
    async with running_tables(where), where.log() as log:
        await log.append(key("ann"), opened("ann"), clock.now())
        await log.append(key("ann"), lost("ann", grace_ms=500), clock.now())
        await until_gone(where, "ann")
        await where.settled()

    assert [type(event) for event in await events(where) if isinstance(event, GraceOver)] == [GraceOver]


async def test_a_grace_that_ran_out_while_no_worker_was_there_is_over_at_the_next_start(where: Installation) -> None:
    clock = SystemClock()
    async with where.log() as log:
        async with running_tables(where):
            await log.append(key("ann"), opened("ann"), clock.now())
            await log.append(key("ann"), lost("ann", grace_ms=3_000), clock.now())
            await where.settled()
        async with running_tables(where):
            await until_gone(where, "ann")


async def test_an_override_and_the_retention_end_by_themselves(where: Installation) -> None:
    clock = SystemClock()
    async with running_tables(where, retention_ms=800), where.log() as log:
        now = clock.now()
        override = OverrideSet(EventId("o"), Layer.USER, Status.DND, Millis(now + 400))
        await log.append(key("ann"), opened("ann"), now)
        await log.append(key("ann"), override, now)
        await log.append(key("ann"), closed("ann"), now)
        await where.until(lambda rows: key("ann") in rows)
        await where.until(lambda rows: key("ann") not in rows)
        rows = await where.settled()

    assert rows == {}
    kinds = [type(event) for event in await events(where)]
    assert OverrideOver in kinds
    assert RetentionOver in kinds


async def test_a_silent_node_loses_its_sessions_in_every_partition_and_then_its_grace(where: Installation) -> None:
    clock = SystemClock()
    names = [f"user-{number}" for number in range(40)]
    settings = {"lease_ms": 2_500, "heartbeat_ms": 500, "tick_s": 0.5, "max_tick_gap_ms": 2_000, "grace_ms": 500}
    async with running_tables(where, **settings) as worker, where.log() as log:
        await log.append_node_record(Heartbeat(NODE, NodeEpoch(1)))
        for name in names:
            await log.append(key(name), opened(name), clock.now())
        for _ in range(8):  # heartbeats keep the lease
            await asyncio.sleep(0.5)
            await log.append_node_record(Heartbeat(NODE, NodeEpoch(1)))
        alive = await events(where)
        for name in names:
            await until_gone(where, name)
        rows = await where.settled()

    assert not any(isinstance(event, NodeLost) for event in alive)
    records = await where.records(where.names.events)
    told = [r.partition for r in records if isinstance(decode_event(r.value, r.headers), NodeLost)]
    assert sorted(told) == [0, 1, 2, 3]
    assert all(b'"status":"offline"' in rows[key(name)] for name in names)
    assert worker.value("presence_streams_nodes_lost_total") == 1
