"""What Valkey is told."""

import asyncio
from pathlib import Path

from control.devstack.valkey import ValkeyRecipe, render_conf


def test_it_listens_on_this_machine_only_and_writes_everything_down() -> None:
    lines = render_conf(15_001).splitlines()

    assert "bind 127.0.0.1" in lines
    assert "port 15001" in lines
    assert "appendonly yes" in lines


def test_its_configuration_marks_it(tmp_path: Path) -> None:
    recipe = ValkeyRecipe(tmp_path, 15_001)
    asyncio.run(recipe.prepare())

    command = recipe.command()

    assert command.marker in command.argv
    assert Path(command.marker).read_text() == render_conf(15_001)
    assert recipe.address == "redis://127.0.0.1:15001/0"
