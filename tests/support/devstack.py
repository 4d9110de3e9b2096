"""One set of real servers for a whole test run, in a process of its own, so that no event loop of a test owns it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from control.devstack.config import Addresses

START_WITHIN_S = 180.0
"""A first start may have to download Kafka; a later one takes seconds."""


def run_devstack(folder: Path) -> Iterator[Addresses]:
    """Yield the addresses of running servers, and stop them afterwards; the body of a session-scoped fixture.

    ``PRESENCE_TEST_KAFKA``, ``_POSTGRES`` and ``_VALKEY`` name real servers to use instead.
    """
    with session_stack(folder) as addresses:
        yield addresses


@contextmanager
def session_stack(folder: Path) -> Iterator[Addresses]:
    """Run the embedded servers in ``folder/devstack`` while the body runs."""
    named = {name: os.environ.get(f"PRESENCE_TEST_{name.upper()}") for name in ("kafka", "postgres", "valkey")}
    if all(named.values()):
        yield Addresses(**{name: address or "" for name, address in named.items()})
        return
    options = [part for name, address in named.items() if address for part in (f"--{name}", address)]
    process = subprocess.Popen(
        [sys.executable, "-m", "control.devstack", "--json", "--data-dir", str(folder / "devstack"), *options],
        # Closing it stops the servers, and the kernel closes it if this process dies.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl-C in pytest reaches us alone; we then close the input.
        start_new_session=True,
        text=True,
    )
    try:
        yield _read_addresses(process)
    finally:
        _stop(process)


def _read_addresses(process: subprocess.Popen[str]) -> Addresses:
    """Wait for the line with the addresses; the end of output means that the start failed."""
    too_late = threading.Timer(START_WITHIN_S, process.kill)
    too_late.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        too_late.cancel()
    if not line:
        raise RuntimeError("the embedded servers did not start; standard error tells why")
    return Addresses(**json.loads(line))


def _stop(process: subprocess.Popen[str]) -> None:
    """Ask it to stop by closing its input, and wait; a kill ends its servers too."""
    try:
        process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
