"""The data directory: its lock and its layout version."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from control.devstack.datadir import LAYOUT, DataDir
from presence.domain.errors import SetupError


def test_a_new_directory_gets_this_layout(tmp_path: Path) -> None:
    with DataDir(tmp_path / "new").locked():
        pass

    assert json.loads((tmp_path / "new" / "version.json").read_text()) == {"layout": LAYOUT}


def test_the_second_holder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with DataDir(tmp_path).locked(), pytest.raises(SetupError, match=str(os.getpid())), DataDir(tmp_path).locked():
        pass


def test_the_directory_is_free_after_its_holder(tmp_path: Path) -> None:
    with DataDir(tmp_path).locked():
        pass

    with DataDir(tmp_path).locked():
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from control.devstack.datadir import DataDir\n"
        "with DataDir(pathlib.Path(sys.argv[1])).locked(): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(SetupError, match=str(holder.pid)), DataDir(tmp_path).locked():
        pass

    holder.kill()
    holder.communicate()

    with DataDir(tmp_path).locked():
        pass


def test_a_directory_of_a_newer_version_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "version.json").write_text('{"layout": 99, "later": "field"}')
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    with pytest.raises(SetupError, match=rf"layout 99.*layout {LAYOUT}"), DataDir(tmp_path).locked():
        pass

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("content", ["", "nonsense", "[]", "{}", '{"layout": "one"}'])
def test_a_version_that_cannot_be_understood_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "version.json").write_text(content)

    with pytest.raises(SetupError), DataDir(tmp_path).locked():
        pass

    assert (tmp_path / "version.json").read_text() == content


def test_a_place_that_cannot_be_a_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SetupError, match="cannot be used"), DataDir(tmp_path / "file" / "below").locked():
        pass
