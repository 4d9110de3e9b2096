"""Fixtures of the end-to-end tests: one system per test, everything ended afterwards."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.system import System, running_system


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    """Real servers with topics and schema; the test starts the tiers it wants."""
    async with running_system(tmp_path) as running:
        yield running
