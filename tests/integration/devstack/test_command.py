"""The servers as one process: no way of ending it leaves a server behind."""

import signal
import socket
from pathlib import Path

import psutil
import pytest

from tests.integration.devstack.running import StartStack, end_of, gone, launch

pytestmark = [pytest.mark.devstack, pytest.mark.slow]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_leaves_no_server_and_no_error(start_stack: StartStack, number: signal.Signals) -> None:
    stack = start_stack()
    servers = stack.servers()
    assert len(servers) >= 3

    stack.process.send_signal(number)
    errors = end_of(stack.process)

    assert stack.process.returncode == 0, errors
    assert "Traceback" not in errors
    assert gone(servers, within_s=0.5)


def test_the_end_of_its_input_stops_it(start_stack: StartStack) -> None:
    stack = start_stack()
    servers = stack.servers()

    stack.process.communicate(timeout=30)

    assert stack.process.returncode == 0
    assert gone(servers, within_s=0.5)


def test_killed_it_takes_its_servers_along_and_starts_again(start_stack: StartStack) -> None:
    stack = start_stack()
    servers = stack.servers()

    stack.process.kill()

    assert gone(servers)
    assert start_stack(stack.data_dir).addresses == stack.addresses


def test_servers_that_were_frozen_when_it_was_killed_are_stopped_by_the_next_start(start_stack: StartStack) -> None:
    """A frozen PostgreSQL cannot act on the signal that the kernel sends it."""
    stack = start_stack()
    servers = stack.servers()
    for server in servers:
        server.suspend()
    stack.process.kill()
    stack.process.wait()

    again = start_stack(stack.data_dir)

    assert gone(servers, within_s=5)
    assert len(again.servers()) >= 3


def test_interrupted_while_starting_it_leaves_nothing_and_a_usable_directory(
    start_stack: StartStack, tmp_path: Path
) -> None:
    process = launch(tmp_path / "data")
    assert process.stderr
    while "formatting" not in process.stderr.readline():
        pass

    process.send_signal(signal.SIGINT)
    errors = end_of(process)

    assert process.returncode == 0, errors
    assert not any(str(tmp_path) in " ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"]))
    assert len(start_stack(tmp_path / "data").servers()) >= 3


def test_a_second_one_on_the_same_directory_is_refused_and_told_by_whom(start_stack: StartStack) -> None:
    stack = start_stack()

    second = launch(stack.data_dir)
    errors = end_of(second)

    assert second.returncode == 2
    assert f"in use by process {stack.process.pid}" in errors
    assert stack.process.poll() is None


def test_a_wanted_port_that_is_in_use_is_refused_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = launch(tmp_path / "data", "--valkey-port", str(port))
        errors = end_of(process)

    assert process.returncode == 2
    assert f"port {port} for valkey is in use" in errors
    assert not (tmp_path / "data" / "kafka").exists()


def test_a_remembered_port_that_was_taken_meanwhile_is_replaced(start_stack: StartStack) -> None:
    first = start_stack()
    first.process.communicate(timeout=30)
    port = int(first.addresses["kafka"].rpartition(":")[2])

    with socket.create_server(("127.0.0.1", port)):
        second = start_stack(first.data_dir)

    assert second.addresses["kafka"] != first.addresses["kafka"]
    assert second.addresses["postgres"] == first.addresses["postgres"]


def test_a_server_that_dies_ends_it_with_an_error_and_stops_the_others(start_stack: StartStack) -> None:
    stack = start_stack()
    servers = stack.servers()
    valkey = next(server for server in servers if "valkey" in server.name())

    valkey.kill()
    errors = end_of(stack.process)

    assert stack.process.returncode == 1
    assert "valkey" in errors
    assert "signal 9" in errors
    assert gone(servers, within_s=0.5)


def test_named_servers_are_used_and_not_started(start_stack: StartStack, tmp_path: Path) -> None:
    real = start_stack()
    named = [part for name, address in real.addresses.items() for part in (f"--{name}", address)]

    second = start_stack(tmp_path / "second", *named)

    assert second.addresses == real.addresses
    assert second.servers() == []
