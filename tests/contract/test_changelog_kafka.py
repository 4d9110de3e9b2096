"""The changelog on Kafka keeps the contract."""

from collections.abc import AsyncIterator

import pytest

from control.devstack.config import Addresses
from presence.adapters.kafka.changelog import KafkaChangelog
from tests.contract.changelog_contract import ChangelogContract
from tests.support.installation import Installation, installation, raw_producer

pytestmark = [pytest.mark.devstack, pytest.mark.slow]


class TestKafkaChangelog(ChangelogContract):
    """`KafkaChangelog` under the contract."""

    @pytest.fixture
    async def where(self, devstack: Addresses) -> AsyncIterator[Installation]:
        async with installation(devstack.kafka, 2) as fresh:
            self._where = fresh
            yield fresh

    @pytest.fixture
    async def changelog(self, where: Installation) -> AsyncIterator[KafkaChangelog]:
        async with KafkaChangelog(where.bootstrap, topic=where.names.users_changelog) as changelog:
            yield changelog

    async def publish(self, partition: int, key: bytes, value: bytes | None) -> None:
        topic = self._where.names.users_changelog
        async with raw_producer(self._where.bootstrap, topic) as producer:
            await producer.send(topic, partition, key, value)

    async def create_anew(self) -> None:
        await self._where.recreate(self._where.names.users_changelog)
