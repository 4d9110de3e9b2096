"""Dead letters in memory, with the refusal a test asks for."""

from collections.abc import Sequence

from presence.domain.errors import LogUnavailable
from presence.ports import DeadLetter


class MemoryDeadLetters:
    """Keeps letters in order; ``is_open = False`` makes it refuse."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.kept: list[DeadLetter] = []
        self.attempts = 0
        self.is_open = is_open

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Store letters; see the port."""
        self.attempts += 1
        if not self.is_open:
            raise LogUnavailable("the dead letters in memory were told to refuse")
        self.kept += letters
