"""The command that runs the servers, started as a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from control.devstack.process import alive_after

WITHIN_S = 100.0
"""For a first start on a busy machine, download included."""


@dataclass(frozen=True)
class RunningStack:
    """``python -m control.devstack`` after it printed its addresses."""

    process: subprocess.Popen[str]
    addresses: dict[str, str]
    data_dir: Path

    def servers(self) -> list[psutil.Process]:
        """Return its servers and all their children."""
        return psutil.Process(self.process.pid).children(recursive=True)


StartStack = Callable[..., RunningStack]


def gone(processes: list[psutil.Process], within_s: float = 15) -> bool:
    """Wait until all ended."""
    return not alive_after(processes, within_s)


def end_of(process: subprocess.Popen[str]) -> str:
    """Wait until the command ended by itself and return what it said on standard error."""
    # Not `communicate` alone: it closes the input, which ends the command.
    process.wait(timeout=WITHIN_S)
    return process.communicate()[1]


def launch(data_dir: Path, *options: str) -> subprocess.Popen[str]:
    """Start the command without waiting."""
    return subprocess.Popen(
        [sys.executable, "-m", "control.devstack", "--json", "--data-dir", str(data_dir), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
