"""Start the command, and leave nothing of it behind."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.integration.devstack.running import WITHIN_S, RunningStack, StartStack, launch


@pytest.fixture
def start_stack(tmp_path: Path) -> Iterator[StartStack]:
    """Start the command and wait for its addresses; whatever a test leaves is ended."""
    started: list[subprocess.Popen[str]] = []

    def start(data_dir: Path | None = None, *options: str) -> RunningStack:
        folder = data_dir or tmp_path / "data"
        process = launch(folder, *options)
        started.append(process)
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            _, errors = process.communicate(timeout=WITHIN_S)
            pytest.fail(f"the stack did not start: {errors}")
        return RunningStack(process, json.loads(line), folder)

    yield start
    for process in started:
        if process.poll() is None:
            servers = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            for server in servers:
                if server.is_running():
                    server.kill()
        process.communicate()
