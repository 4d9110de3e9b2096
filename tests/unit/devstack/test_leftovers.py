"""Servers left by an earlier life are stopped, and nobody else."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from control.devstack.leftovers import ProcessRecord, find, read_records, record_of, stop_leftovers, write_records
from control.devstack.process import alive_after

MARKER = "marker-of-a-test-server"


@pytest.fixture
def running() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()", MARKER], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_a_leftover_is_stopped_and_named(tmp_path: Path, running: subprocess.Popen[bytes]) -> None:
    file = tmp_path / "processes.json"
    write_records(file, {"kafka": record_of(running.pid, MARKER)})

    assert stop_leftovers(file) == ["kafka"]
    assert alive_after([psutil.Process(running.pid)], within_s=0) == []


def test_a_frozen_leftover_is_stopped_too(tmp_path: Path, running: subprocess.Popen[bytes]) -> None:
    file = tmp_path / "processes.json"
    write_records(file, {"kafka": record_of(running.pid, MARKER)})
    psutil.Process(running.pid).suspend()

    assert stop_leftovers(file) == ["kafka"]
    assert alive_after([psutil.Process(running.pid)], within_s=0) == []


def test_a_reused_process_id_is_not_touched(tmp_path: Path, running: subprocess.Popen[bytes]) -> None:
    file = tmp_path / "processes.json"
    record = record_of(running.pid, MARKER)
    write_records(file, {"kafka": replace(record, started_at=record.started_at - 60)})

    assert stop_leftovers(file) == []
    assert running.poll() is None


def test_a_process_with_another_command_line_is_not_touched(tmp_path: Path, running: subprocess.Popen[bytes]) -> None:
    file = tmp_path / "processes.json"
    write_records(file, {"kafka": record_of(running.pid, "marker-of-another")})

    assert stop_leftovers(file) == []
    assert running.poll() is None


def test_a_process_that_ended_is_not_found(running: subprocess.Popen[bytes]) -> None:
    record = record_of(running.pid, MARKER)
    running.kill()
    running.wait()

    assert find(record) is None


def test_records_survive_the_file(tmp_path: Path) -> None:
    records = {"kafka": ProcessRecord(7, 1.5, "x")}

    write_records(tmp_path / "file", records)

    assert read_records(tmp_path / "file") == records


@pytest.mark.parametrize("content", [None, "", "[]", '{"kafka": 7}', json.dumps({"kafka": {"pid": "x"}})])
def test_a_file_that_is_missing_or_broken_names_nobody(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "processes.json"
    if content is not None:
        file.write_text(content)

    assert read_records(file) == {}
