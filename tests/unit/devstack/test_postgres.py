"""What PostgreSQL is told."""

import os
import signal
from pathlib import Path

import pytest

from control.devstack.postgres import PostgresRecipe
from control.devstack.progress import NoProgress
from presence.domain.errors import SetupError


async def test_it_listens_on_this_machine_only_and_is_marked(tmp_path: Path) -> None:
    recipe = PostgresRecipe(tmp_path, 15_001, NoProgress())

    command = recipe.command()

    assert "listen_addresses=127.0.0.1" in command.argv
    assert "port=15001" in command.argv
    assert any(command.marker in argument for argument in command.argv)
    assert command.stop_signal == signal.SIGINT
    assert recipe.address == "postgresql://postgres@127.0.0.1:15001/presence"


def test_two_data_directories_have_two_marks(tmp_path: Path) -> None:
    one, two = (PostgresRecipe(tmp_path / name, 15_001, NoProgress()) for name in ("one", "two"))

    assert one.cluster_name != two.cluster_name


async def test_a_cluster_of_another_major_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("16\n")

    with pytest.raises(SetupError, match="made by PostgreSQL 16"):
        await PostgresRecipe(tmp_path, 15_001, NoProgress()).prepare()


async def test_the_pid_file_of_a_killed_server_does_not_prevent_a_start(tmp_path: Path) -> None:
    """After a reboot its number may belong to any process; here it belongs to this test."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("18\n")
    pid_file = tmp_path / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n/somewhere\n")

    await PostgresRecipe(tmp_path, 15_001, NoProgress()).prepare()

    assert not pid_file.exists()
