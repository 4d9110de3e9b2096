"""Scenario: seconds from `presence up` to everything ready, on a new data directory and again on the same one."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.machine import machine_facts
from tests.support.system import free_port

_DEADLINE_S = 120.0


def measure() -> dict[str, Any]:
    """Start, stop and start again."""
    with tempfile.TemporaryDirectory(prefix="presence-bench-") as folder:
        first = _up(Path(folder))
        warm = [_up(Path(folder)) for _ in range(3)]
    return {
        "scenario": "startup",
        "new_data_dir_s": first,
        "warm_s": sorted(warm)[1],
        "warm_all_s": warm,
        "machine": machine_facts(),
    }


def _up(folder: Path) -> float:
    """Start, wait for the run file (written once every tier is ready), stop; return the seconds of the start."""
    ports = [f"--edge-port={free_port()}"]
    began = time.perf_counter()
    with (folder / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "control.cli.main", "up", "--data-dir", str(folder / "data"), *ports],
            stdout=log,
            stderr=log,
        )
        try:
            while not (folder / "data" / "run.json").exists():
                if process.poll() is not None or time.perf_counter() - began > _DEADLINE_S:
                    raise SystemExit((folder / "up.log").read_text())
                time.sleep(0.02)
            return round(time.perf_counter() - began, 2)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def main() -> None:
    """Measure and print JSON."""
    print(json.dumps(measure(), indent=2))


if __name__ == "__main__":
    main()
