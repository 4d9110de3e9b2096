"""What every `DeadLetters` must do; each adapter subclasses `DeadLettersContract` and says how to look inside."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import pytest

from presence.domain.errors import LogUnavailable
from presence.domain.ids import Millis
from presence.ports import DeadLetter, DeadLetters, LogRecord

LETTERS = [
    DeadLetter(LogRecord(0, 1, Millis(5), b"acme/ann", b"\x00\xff{", (("schema", b"9"),)), "table", "schema", "why"),
    DeadLetter(LogRecord(1, 2, Millis(6), b"acme/bob", b"{"), "history", "decode", "why not"),
    DeadLetter(LogRecord(1, 3, Millis(7), b"acme/bob", None), "table", "empty", ""),
]

Told = tuple[int, int, bytes | None, bytes | None, str, str]
"""(partition, offset, key, value, stage, reason): what must come out as it went in."""


def told(letter: DeadLetter) -> Told:
    """What must be found of a letter."""
    record = letter.record
    return record.partition, record.offset, record.key, record.value, letter.stage, letter.reason


class DeadLettersContract(ABC):
    """The contract. Subclasses give the fixture ``dead_letters``: an empty store."""

    @abstractmethod
    async def kept(self) -> Sequence[Told]:
        """What is stored, in any order."""

    @abstractmethod
    async def break_down(self) -> None:
        """Have the store refuse from now on."""

    async def test_what_is_put_is_kept_byte_for_byte(self, dead_letters: DeadLetters) -> None:
        await dead_letters.put(LETTERS[:1])
        await dead_letters.put(LETTERS[1:])

        assert sorted(await self.kept(), key=str) == sorted(map(told, LETTERS), key=str)

    async def test_nothing_to_put_is_no_error(self, dead_letters: DeadLetters) -> None:
        await dead_letters.put([])

        assert list(await self.kept()) == []

    async def test_a_store_that_does_not_acknowledge_says_so(self, dead_letters: DeadLetters) -> None:
        await self.break_down()

        with pytest.raises(LogUnavailable):
            await dead_letters.put(LETTERS)
