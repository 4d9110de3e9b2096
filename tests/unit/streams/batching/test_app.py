"""The app needs no directory."""

import os
from pathlib import Path

import pytest

from tests.unit.streams.batching.conftest import World


async def test_starting_makes_no_directory(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    await world.app.on_first_start()

    assert os.listdir(tmp_path) == []  # noqa: PTH208 - a path object has no quick way in async code
