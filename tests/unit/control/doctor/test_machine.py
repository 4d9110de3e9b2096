"""Tests of `control.doctor.machine`."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from control.doctor import machine
from control.doctor.findings import Level, worst
from control.runfile import SECRET_FILE, Running, keep_secret

RUNNING = Running(1, "", "", "", "", {}, "demo")


class Usage(NamedTuple):
    """As `shutil.disk_usage` returns it."""

    total: int
    used: int
    free: int


def test_versions_name_what_matters() -> None:
    (finding,) = machine.versions()

    assert "faust-streaming 0.15.3" in finding.detail
    assert "Python 3." in finding.detail


@pytest.mark.parametrize(("soft", "level"), [(1024, Level.WARN), (machine.FILES_WANTED, Level.OK)])
def test_few_files_are_worth_a_warning(monkeypatch: pytest.MonkeyPatch, soft: int, level: Level) -> None:
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _: (soft, 20_000))

    assert worst(machine.open_files()) is level


def test_a_directory_in_use_is_well(tmp_path: Path) -> None:
    keep_secret(tmp_path)

    assert worst(machine.data_dir(tmp_path, RUNNING)) is Level.OK


def test_a_directory_that_is_not_there_says_who_makes_it(tmp_path: Path) -> None:
    (finding,) = machine.data_dir(tmp_path / "nowhere", None)

    assert "presence up" in finding.remedy


def test_a_secret_that_others_can_read_fails(tmp_path: Path) -> None:
    keep_secret(tmp_path)
    (tmp_path / SECRET_FILE).chmod(0o644)

    assert worst(machine.data_dir(tmp_path, RUNNING)) is Level.FAIL


@pytest.mark.parametrize(("free", "level"), [(10**8, Level.FAIL), (10**9, Level.WARN), (10**10, Level.OK)])
def test_a_disk_that_fills_up_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free * 2, free, free))

    assert worst(machine.data_dir(tmp_path, RUNNING)) is level
