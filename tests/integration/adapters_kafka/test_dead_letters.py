"""Dead letters keep whatever there was, however odd or large."""

import pytest

from control.devstack.config import Addresses
from presence.adapters.kafka.dead_letters import KafkaDeadLetters
from presence.adapters.memory.time import FakeClock
from presence.domain.ids import Millis
from presence.ports import DeadLetter, LogRecord
from tests.support.installation import installation

pytestmark = [pytest.mark.devstack, pytest.mark.slow]

ODD = [
    LogRecord(0, 1, Millis(5), b"k", b"\x00\xff", (("h", b"\x01"), ("h", b"\x02"))),
    LogRecord(1, 2, Millis(5), None, b"no key"),
    LogRecord(1, 3, Millis(5), b"tombstone", None),
    LogRecord(1, 4, Millis(5), None, None),
    LogRecord(1, 5, Millis(5), b"huge", b"x" * 1_048_000),
]


async def test_key_value_and_headers_are_untouched_and_the_origin_is_told(devstack: Addresses) -> None:
    clock = FakeClock()
    letters = [DeadLetter(record, "table", "decode", "because ж") for record in ODD]
    async with (
        installation(devstack.kafka, 2) as where,
        KafkaDeadLetters(devstack.kafka, clock, names=where.names) as dead_letters,
    ):
        await dead_letters.put(letters)
        kept = {dict(r.headers)["dl-offset"]: r for r in await where.records(where.names.dead_letters)}

    assert len(kept) == len(ODD)
    for record in ODD:
        found = kept[str(record.offset).encode()]
        wanted = b"" if record.key is None and record.value is None else record.value
        assert (found.key, found.value) == (record.key, wanted)
        assert found.headers[: len(record.headers)] == record.headers
        facts = dict(found.headers)
        assert facts["dl-size"] == str(-1 if record.value is None else len(record.value)).encode()
        assert facts["dl-at"] == str(clock.now()).encode()
        assert facts["dl-timestamp"] == b"5"
        assert facts["dl-detail"].decode() == "because ж"
