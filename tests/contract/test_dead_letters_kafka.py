"""The dead letters on Kafka keep the contract."""

from collections.abc import AsyncIterator, Sequence

import pytest

from control.devstack.config import Addresses
from presence.adapters.kafka.dead_letters import KafkaDeadLetters
from presence.adapters.memory.time import FakeClock
from tests.contract.dead_letters_contract import DeadLettersContract, Told
from tests.support.installation import Installation, installation

pytestmark = [pytest.mark.devstack, pytest.mark.slow]


class TestKafkaDeadLetters(DeadLettersContract):
    """`KafkaDeadLetters` under the contract."""

    @pytest.fixture
    async def where(self, devstack: Addresses) -> AsyncIterator[Installation]:
        async with installation(devstack.kafka, 2) as fresh:
            yield fresh

    @pytest.fixture
    async def dead_letters(self, where: Installation) -> AsyncIterator[KafkaDeadLetters]:
        async with KafkaDeadLetters(where.bootstrap, FakeClock(), names=where.names) as store:
            self._where, self._store = where, store
            yield store

    async def kept(self) -> Sequence[Told]:
        found = []
        for record in await self._where.records(self._where.names.dead_letters):
            facts = {name: value.decode() for name, value in record.headers if name.startswith("dl-")}
            found.append(
                (
                    int(facts["dl-partition"]),
                    int(facts["dl-offset"]),
                    record.key,
                    record.value,
                    facts["dl-stage"],
                    facts["dl-reason"],
                )
            )
        return found

    async def break_down(self) -> None:
        await self._store.stop()
