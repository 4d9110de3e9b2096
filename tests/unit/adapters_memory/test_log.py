"""What the contract does not say of the event log in memory."""

from presence.adapters.memory.log import MemoryEventLog
from presence.domain.ids import Millis, UserKey
from presence.ports import Appended
from presence.wire.events import encode_event
from tests.support.facts import T0, opened


async def test_a_log_has_one_partition_unless_told_otherwise() -> None:
    log = MemoryEventLog()

    proofs = [await log.append(UserKey(f"acme/{n}"), opened(), Millis(T0)) for n in range(3)]

    assert proofs == [Appended(0, 0), Appended(0, 1), Appended(0, 2)]


async def test_records_are_kept_encoded_so_that_codecs_are_tested_along() -> None:
    log = MemoryEventLog()

    await log.append(UserKey("acme/alice"), opened(), Millis(T0))

    assert log.partitions[0][0].value == encode_event(opened())


async def test_a_log_that_comes_back_goes_on_where_it_was() -> None:
    log = MemoryEventLog()
    await log.append(UserKey("acme/alice"), opened(), Millis(T0))
    log.available = False
    log.available = True

    assert await log.append(UserKey("acme/alice"), opened(), Millis(T0)) == Appended(0, 1)
