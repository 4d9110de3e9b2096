"""Find and stop servers that an earlier life of this data directory left running.

The kernel ends our servers with us on Linux. Where it cannot, or where a server was frozen at that moment, the next
start finds them through a file that names each by process id, start time and a word of its command line.
"""

import json
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from control.devstack.datadir import write_json
from control.devstack.process import alive_after

STOP_WITHIN_S = 5.0
"""How long a leftover may take to stop by itself. It delays only a start after a crash."""

CLOCK_STEP_S = 2.0
"""How far a process's start time may move between two readings: it is counted from a boot time that follows the
wall clock. A process id is not used again within so short a time."""


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """A running server, told so that a reused process id is not mistaken for it."""

    pid: int
    started_at: float
    marker: str
    """A part of its command line that nobody else's has."""


def record_of(pid: int, marker: str) -> ProcessRecord:
    """Describe a process that was just started."""
    return ProcessRecord(pid, psutil.Process(pid).create_time(), marker)


def write_records(file: Path, records: dict[str, ProcessRecord]) -> None:
    """Replace the file's content."""
    write_json(file, {name: asdict(record) for name, record in records.items()})


def read_records(file: Path) -> dict[str, ProcessRecord]:
    """Return what the file says; what cannot be understood is left out."""
    try:
        content = json.loads(file.read_text())
        return {
            name: ProcessRecord(int(r["pid"]), float(r["started_at"]), str(r["marker"])) for name, r in content.items()
        }
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def find(record: ProcessRecord) -> psutil.Process | None:
    """Return the recorded process if it still runs and really is the recorded one."""
    try:
        process = psutil.Process(record.pid)
        same_start = abs(process.create_time() - record.started_at) <= CLOCK_STEP_S
        if same_start and process.status() != psutil.STATUS_ZOMBIE and record.marker in " ".join(process.cmdline()):
            return process
    except psutil.Error:
        # Gone, or not ours to look at: either way not ours to stop.
        return None
    return None


def stop_leftovers(file: Path) -> list[str]:
    """Stop what an earlier life left running, wait until it is gone, and return its names. Blocks for seconds."""
    found = {name: process for name, record in read_records(file).items() if (process := find(record))}
    everyone = [p for process in found.values() for p in (process, *_children(process))]
    # A frozen server acts on a signal only once it runs again, and PostgreSQL waits for its children.
    for process in everyone:
        _send(process, signal.SIGCONT)
    for process in found.values():
        # The fast shutdown of PostgreSQL; Kafka and Valkey take it for SIGTERM.
        _send(process, signal.SIGINT)
    alive = alive_after(everyone, STOP_WITHIN_S)
    for process in alive:
        _send(process, signal.SIGKILL)
    alive_after(alive, STOP_WITHIN_S)
    return sorted(found)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        # Gone meanwhile; whoever survives is killed or reported by the server that needs its place.
        return
