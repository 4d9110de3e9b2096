"""Broker URLs of our scheme choose our transport, found by its entry point."""

from faust.transport import by_url

from streams.batching.consumer import BatchConsumer
from streams.batching.producer import BatchProducer
from streams.batching.transport import Transport
from tests.unit.streams.batching.conftest import World


def test_the_scheme_is_registered() -> None:
    assert by_url("presence://127.0.0.1:9092") is Transport


async def test_an_app_gets_our_consumer_and_producer(world: World) -> None:
    assert isinstance(world.app.consumer, BatchConsumer)
    assert isinstance(world.app.transport.create_producer(), BatchProducer)
