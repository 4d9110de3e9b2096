"""The transport of batches: broker URLs of the scheme ``presence://`` (entry point ``faust.transports``)."""

from faust.transport.drivers import aiokafka as driver

from streams.batching.consumer import BatchConsumer
from streams.batching.producer import BatchProducer


class Transport(driver.Transport):
    """aiokafka with our consumer and producer."""

    Consumer = BatchConsumer
    Producer = BatchProducer
