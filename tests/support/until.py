"""Wait for a condition with a deadline, in tests that cannot be told when it holds."""

import asyncio
from collections.abc import Callable


async def until(holds: Callable[[], bool], within_s: float = 5.0) -> None:
    """Wait until it holds. Raises ``TimeoutError``."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - others' state gives no event to wait for
            await asyncio.sleep(0.005)
