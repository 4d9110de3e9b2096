"""``presence up`` and other commands as real processes, as a user's terminal runs them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from control.runfile import Running, find_running

READY_WITHIN_S = 150.0
"""A first start may have to download Kafka; a later one takes seconds."""

COMMAND = (sys.executable, "-m", "control.cli.main")


class UpProcess:
    """A running ``presence up``."""

    def __init__(self, process: subprocess.Popen[bytes], data_dir: Path, output: Path, env: Mapping[str, str]) -> None:
        self.process = process
        self.data_dir = data_dir
        self.env = dict(env)
        self._output = output

    @property
    def output(self) -> str:
        """What it printed so far."""
        return self._output.read_text()

    @property
    def running(self) -> Running:
        """What it says of itself."""
        found = find_running(self.data_dir)
        assert found is not None, self.output
        return found

    def family(self) -> list[psutil.Process]:
        """All processes it has started, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: signal.Signals, within_s: float = 60) -> int:
        """Send a signal, wait for the end, return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(within_s)


@contextmanager
def up(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[UpProcess]:
    """Start ``presence up`` on ``folder/data``, wait until it is ready, and end it afterwards, whatever happened."""
    env = env or quiet_environment()
    data_dir, output = folder / "data", folder / "up.out"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*COMMAND, "up", "--data-dir", str(data_dir), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=folder,
            start_new_session=True,
        )
    system = UpProcess(process, data_dir, output, env)
    try:
        deadline = time.monotonic() + READY_WITHIN_S
        while "Ctrl-C here stops everything" not in system.output:
            assert process.poll() is None, f"`presence up` ended with {process.returncode}:\n{system.output}"
            assert time.monotonic() < deadline, f"not ready within {READY_WITHIN_S} s:\n{system.output}"
            time.sleep(0.1)
        yield system
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)
            process.kill()
            process.wait()


def quiet_environment() -> dict[str, str]:
    """An environment with no settings but free ports, so that tests meet nobody."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PRESENCE_")}
    names = ("EDGE_PORT", "EDGE_TELEMETRY_PORT", "STREAMS_TELEMETRY_PORT", "HISTORY_TELEMETRY_PORT")
    for name, port in zip(names, free_ports(len(names)), strict=True):
        env[f"PRESENCE_{name}"] = str(port)
    return env


def free_ports(how_many: int) -> list[int]:
    """Ports that nobody uses now, all different."""
    probes = [socket.socket() for _ in range(how_many)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def run(*arguments: str, env: Mapping[str, str], within_s: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=dict(env),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=within_s,
        check=False,
    )


@contextmanager
def running(*arguments: str, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a command in the background, with pipes; end it afterwards."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=20)
        finally:
            process.kill()
            process.wait()


def read_until(process: subprocess.Popen[str], wanted: Mapping[str, Any], within_s: float = 20) -> dict[str, Any]:
    """Read JSON lines until one has the wanted fields, and return it."""
    assert process.stdout is not None
    deadline = time.monotonic() + within_s
    for line in process.stdout:
        found: dict[str, Any] = json.loads(line)
        if found.items() >= wanted.items():
            return found
        assert time.monotonic() < deadline, f"nothing like {wanted} within {within_s} s"
    raise AssertionError(f"the output ended before anything like {wanted} came")


def all_gone(processes: list[psutil.Process], within_s: float = 10) -> list[psutil.Process]:
    """Those that still run after a while; zombies run no more."""
    _, alive = psutil.wait_procs(processes, timeout=within_s)
    return [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
