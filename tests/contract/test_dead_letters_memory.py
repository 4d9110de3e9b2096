"""The dead letters in memory keep the contract."""

from collections.abc import Sequence

import pytest

from presence.adapters.memory.dead_letters import MemoryDeadLetters
from tests.contract.dead_letters_contract import DeadLettersContract, Told, told


class TestMemoryDeadLetters(DeadLettersContract):
    """`MemoryDeadLetters` under the contract."""

    @pytest.fixture
    def dead_letters(self) -> MemoryDeadLetters:
        self._store = MemoryDeadLetters()
        return self._store

    async def kept(self) -> Sequence[Told]:
        return [told(letter) for letter in self._store.kept]

    async def break_down(self) -> None:
        self._store.is_open = False
