"""Topics and workers of one test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.devstack.config import Addresses
from tests.support.installation import Installation, installation
from tests.support.workers import Workers, workers


@pytest.fixture
async def where(devstack: Addresses) -> AsyncIterator[Installation]:
    """Fresh topics with four partitions."""
    async with installation(devstack.kafka) as fresh:
        yield fresh


@pytest.fixture
async def crew(where: Installation, tmp_path: Path) -> AsyncIterator[Workers]:
    """Workers as child processes."""
    async with workers(where, tmp_path) as ready:
        yield ready
