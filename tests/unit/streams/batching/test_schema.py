"""The schema hands raw records through."""

from streams.batching.schema import BatchSchema
from tests.unit.streams.batching.conftest import Record, World


async def test_a_batch_is_passed_through_as_it_is(world: World) -> None:
    records = [Record(0, b"k", b"\xff")]

    class Message:
        value = records
        key = None

    event = await BatchSchema().compile(world.app)(Message(), propagate=True)

    assert event.value is records
