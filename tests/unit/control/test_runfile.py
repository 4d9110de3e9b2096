"""Tests of `control.runfile`."""

import os
import stat
from pathlib import Path

import pytest

from control.runfile import (
    RUN_FILE,
    SECRET_FILE,
    Running,
    find_running,
    keep_secret,
    read_secret,
    remove_running,
    write_running,
)

RUNNING = Running(os.getpid(), "k:1", "postgresql://p", "redis://v", "ws://e", {"edge-1": "http://t"}, "demo")


def test_a_running_system_is_found_by_its_directory(tmp_path: Path) -> None:
    write_running(tmp_path, RUNNING)

    assert find_running(tmp_path) == RUNNING


def test_a_system_that_died_is_not_found(tmp_path: Path) -> None:
    write_running(tmp_path, Running(2**22 + 1, "", "", "", "", {}, ""))

    assert find_running(tmp_path) is None


def test_a_system_that_ended_is_not_found(tmp_path: Path) -> None:
    write_running(tmp_path, RUNNING)

    remove_running(tmp_path)
    remove_running(tmp_path)

    assert find_running(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_file_that_cannot_be_understood_is_nobody_running(tmp_path: Path, text: str) -> None:
    (tmp_path / RUN_FILE).write_text(text)

    assert find_running(tmp_path) is None


def test_a_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    first = keep_secret(tmp_path)

    assert keep_secret(tmp_path) == first == read_secret(tmp_path)
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / SECRET_FILE).stat().st_mode) == 0o600


def test_the_run_file_holds_no_secret(tmp_path: Path) -> None:
    secret = keep_secret(tmp_path)
    write_running(tmp_path, RUNNING)

    assert secret not in (tmp_path / RUN_FILE).read_text()


def test_no_directory_has_no_secret(tmp_path: Path) -> None:
    assert read_secret(tmp_path / "nowhere") is None
