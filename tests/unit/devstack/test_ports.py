"""Ports: free ones, the same ones again, and refusals."""

import socket
from pathlib import Path

import pytest

from control.devstack.ports import FIRST_PORT, HOST, LAST_PORT, choose_ports, is_free
from presence.domain.errors import SetupError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ports.json"


def listening(port: int = 0) -> socket.socket:
    taken = socket.create_server((HOST, port))
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return taken


def test_every_name_gets_a_free_port_of_its_own(file: Path) -> None:
    ports = choose_ports(file, {"a": None, "b": None, "c": None})

    assert len(set(ports.values())) == 3
    assert all(FIRST_PORT <= port <= LAST_PORT and is_free(port) for port in ports.values())


def test_the_ports_of_the_last_start_are_used_again(file: Path) -> None:
    first = choose_ports(file, {"a": None, "b": None})

    assert choose_ports(file, {"a": None, "b": None}) == first


def test_a_remembered_port_that_is_taken_is_replaced_and_the_others_stay(file: Path) -> None:
    first = choose_ports(file, {"a": None, "b": None})

    with listening(first["a"]):
        second = choose_ports(file, {"a": None, "b": None})

    assert second["a"] != first["a"]
    assert second["b"] == first["b"]
    assert choose_ports(file, {"a": None, "b": None}) == second


def test_a_name_that_is_left_out_keeps_its_port_for_later(file: Path) -> None:
    first = choose_ports(file, {"a": None, "b": None})
    choose_ports(file, {"b": None})

    assert choose_ports(file, {"a": None, "b": None}) == first


def test_a_wanted_port_is_used_and_remembered(file: Path) -> None:
    wanted = choose_ports(file, {"other": None})["other"]

    assert choose_ports(file, {"a": wanted}) == {"a": wanted}
    assert choose_ports(file, {"a": None}) == {"a": wanted}


def test_a_wanted_port_that_is_in_use_is_refused_by_number_and_name(file: Path) -> None:
    with listening() as taken, pytest.raises(SetupError, match=f"port {taken.getsockname()[1]} for kafka"):
        choose_ports(file, {"kafka": taken.getsockname()[1]})

    assert not file.exists()


@pytest.mark.parametrize("content", ["", "[1]", '{"a": "x"}'])
def test_a_broken_memory_is_forgotten(file: Path, content: str) -> None:
    file.write_text(content)

    assert set(choose_ports(file, {"a": None})) == {"a"}
