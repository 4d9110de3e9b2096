"""Recovery stops the flow before it resumes the streams, and takes the table's word for where to begin."""

from collections import Counter

import pytest
from faust.tables.recovery import Recovery
from faust.types.tuples import TP

from streams.batching.recovery import SafeRecovery, SafeTableManager
from tests.unit.streams.batching.conftest import World


async def test_the_app_uses_it(world: World) -> None:
    assert isinstance(world.app.tables, SafeTableManager)
    assert isinstance(world.app.tables.recovery, SafeRecovery)
    assert world.app.tables.recovery is world.app.tables.recovery


@pytest.mark.parametrize("method", ["on_recovery_completed", "_resume_streams"])
async def test_the_flow_is_stopped_first(world: World, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    flows: list[bool] = []

    async def original(_self: object, generation_id: int = 0) -> None:
        flows.append(world.app.consumer.flow_active)

    monkeypatch.setattr(Recovery, method, original)
    world.app.consumer.resume_flow()

    await getattr(world.app.tables.recovery, method)()

    assert flows == [False]


async def test_a_partition_that_begins_anew_is_read_from_the_beginning(world: World) -> None:
    recovery, offsets = world.app.tables.recovery, Counter({TP(world.changelog, 0): 500})
    await world.assign(0)

    recovery._add(world.table, TP(world.changelog, 0), offsets)

    assert offsets[TP(world.changelog, 0)] is None
