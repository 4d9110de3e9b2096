"""Scenario: seconds from a fresh clone in an empty directory to the first diff in a watcher's hands.

Runs `make run` as a new user would: environment, downloads that are not cached, servers, tiers; then one watcher and
one user. What lies in the user's caches (packages, jars) is used, and the result says so.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.machine import machine_facts
from tests.support.system import free_port

_DEADLINE_S = 600.0
_ROOT = Path(__file__).parents[2]


def measure() -> dict[str, Any]:
    """Clone, run, watch, connect."""
    with tempfile.TemporaryDirectory(prefix="presence-clone-") as folder:
        clone = Path(folder) / "presence"
        began = time.perf_counter()
        subprocess.run(["git", "clone", "--quiet", str(_ROOT), str(clone)], check=True)
        environment = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH"}}
        with (Path(folder) / "run.log").open("ab") as log:
            run = subprocess.Popen(
                ["make", "run", f"ARGS=--edge-port={free_port()}"],
                cwd=clone,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                _wait(clone / ".presence" / "run.json", run, began, Path(log.name))
                up_s = time.perf_counter() - began
                diff_s = _first_diff(clone, environment, began)
            finally:
                os.killpg(run.pid, signal.SIGINT)
                run.wait(60)
    return {
        "scenario": "first_diff",
        "up_s": round(up_s, 1),
        "first_diff_s": round(diff_s, 1),
        "package_and_jar_caches": "as found",
        "machine": machine_facts(),
    }


def _wait(path: Path, process: subprocess.Popen[bytes], began: float, log: Path) -> None:
    while not path.exists():
        if process.poll() is not None or time.perf_counter() - began > _DEADLINE_S:
            raise SystemExit(log.read_text())
        time.sleep(0.1)


def _first_diff(clone: Path, environment: dict[str, str], began: float) -> float:
    presence = str(clone / ".venv" / "bin" / "presence")
    watch = subprocess.Popen(
        [presence, "watch", "--user", "ada"], cwd=clone, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert watch.stdout is not None
    user = None
    try:
        for line in watch.stdout:
            kind = json.loads(line)["t"]
            if kind == "snapshot":
                user = subprocess.Popen(
                    [presence, "connect", "--user", "ada"],
                    cwd=clone,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                )
            elif kind == "join":
                return time.perf_counter() - began
        raise SystemExit("the watcher ended before the first diff")
    finally:
        for process in (watch, user):
            if process is not None:
                process.terminate()
                process.wait(30)


def main() -> None:
    """Measure and print JSON."""
    print(json.dumps(measure(), indent=2))


if __name__ == "__main__":
    main()
