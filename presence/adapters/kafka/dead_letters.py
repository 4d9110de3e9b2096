"""Dead letters on Kafka: what could not be folded, byte for byte, with its origin and the reason in headers."""

import asyncio
from collections.abc import Sequence
from typing import Self

from presence.adapters.kafka.producer import DurableProducer
from presence.domain.errors import TooLarge
from presence.domain.ids import Millis
from presence.ports import Clock, DeadLetter
from presence.wire.topics import TopicNames

_DETAIL_CHARS = 500
_FALLBACK_BYTES = 256 * 1024


class KafkaDeadLetters:
    """Appends to ``presence-dead-letters``; see the port `DeadLetters` and docs/reference/dead-letters.md."""

    def __init__(
        self, bootstrap: str, clock: Clock, *, names: TopicNames | None = None, ack_timeout_s: float = 5.0
    ) -> None:
        self._names = names or TopicNames()
        self._clock = clock
        self._producer = DurableProducer(bootstrap, ack_timeout_s=ack_timeout_s)

    async def start(self) -> None:
        """Connect. Raises `SetupError` when Kafka cannot be reached or the topic is not there."""
        await self._producer.start(self._names.dead_letters)

    async def stop(self) -> None:
        """Disconnect."""
        await self._producer.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Store letters durably. Raises `LogUnavailable`; see the port."""
        at = self._clock.now()
        results = await asyncio.gather(*(self._put(letter, at) for letter in letters), return_exceptions=True)
        for result in results:
            if result is not None:
                raise result

    async def _put(self, letter: DeadLetter, at: Millis) -> None:
        topic = self._names.dead_letters
        record = letter.record
        partition = 0 if record.key is None else self._producer.partition_for(topic, record.key)
        origin = _origin(letter, self._names.events, at)
        # aiokafka takes no record without key and value; dl-size -1 tells that there was none.
        value = b"" if record.value is None and record.key is None else record.value
        try:
            await self._producer.send(topic, partition, record.key, value, (*record.headers, *origin), at)
        except TooLarge:
            # A topic made by hand may allow less than ours: keep the beginning rather than stand still for ever.
            await self._producer.send(topic, partition, None, (value or b"")[:_FALLBACK_BYTES], origin, at)


def _origin(letter: DeadLetter, topic: str, at: Millis) -> list[tuple[str, bytes]]:
    record = letter.record
    facts = {
        "dl-topic": topic,
        "dl-partition": record.partition,
        "dl-offset": record.offset,
        "dl-timestamp": record.at,
        "dl-size": -1 if record.value is None else len(record.value),
        "dl-stage": letter.stage,
        "dl-reason": letter.reason,
        "dl-detail": letter.detail[:_DETAIL_CHARS],
        "dl-at": at,
    }
    return [(name, str(value).encode("utf-8", "replace")) for name, value in facts.items()]
