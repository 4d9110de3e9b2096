"""Processes of ours: run to their end, and never outliving us."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from control.devstack import child
from control.devstack.process import Command, alive_after, run_once

pytestmark = pytest.mark.slow

SLEEPS = "import time; print('up', flush=True); time.sleep(99)"


def python(program: str, folder: Path, **options: tuple[str, ...]) -> Command:
    return Command((sys.executable, "-c", program), "x", folder, **options)  # type: ignore[arg-type] # one option only


async def test_a_program_is_run_in_its_folder_to_its_end(tmp_path: Path) -> None:
    program = "import os, sys; print(os.getcwd()); print('oh', file=sys.stderr, flush=True); sys.exit(3)"

    exit_code, output = await run_once(python(program, tmp_path))

    assert exit_code == 3
    assert sorted(output.split()) == sorted([str(tmp_path), "oh"])


async def test_what_it_shall_not_see_is_not_in_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIDDEN", "1")
    monkeypatch.setenv("SEEN", "1")
    program = "import os; print(os.environ.get('HIDDEN'), os.environ.get('SEEN'))"

    _, output = await run_once(python(program, tmp_path, removed_environment=("HIDDEN",)))

    assert output.split() == ["None", "1"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_the_kernel_ends_a_child_whose_parent_is_killed(tmp_path: Path) -> None:
    arguments = [str(int(signal.SIGKILL)), "-1", "-1", "0", str(tmp_path), sys.executable, "-c", SLEEPS]
    program = f"""\
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-S", {child.__file__!r}, str(os.getpid()), *sys.argv[1:]])
print(child.pid, flush=True)
child.wait()
"""
    parent = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE)
    assert parent.stdout
    grandchild = psutil.Process(int(parent.stdout.readline()))
    assert parent.stdout.readline() == b"up\n"

    parent.kill()
    parent.communicate()

    assert alive_after([grandchild], within_s=10) == []


def test_a_child_whose_parent_ended_before_it_could_look_gives_up(tmp_path: Path) -> None:
    stranger = os.getppid()

    result = subprocess.run(
        [sys.executable, "-I", "-S", child.__file__, str(stranger), "9", "-1", "-1", "0", str(tmp_path), "/bin/true"],
        check=False,
    )

    assert result.returncode == 1


def test_those_still_alive_are_named_when_time_is_up() -> None:
    ourselves = psutil.Process()

    assert alive_after([ourselves], within_s=0) == [ourselves]
