"""Tests of `control.layout`."""

import socket

import pytest

from control import layout
from control.devstack.config import Addresses
from control.layout import UpOptions
from control.settings.model import Settings
from presence.domain.errors import SetupError
from tests.support.up_process import free_ports

SERVERS = Addresses("127.0.0.1:1", "postgresql://p@127.0.0.1:2/presence", "redis://127.0.0.1:3/0")


def on_free_ports() -> Settings:
    edge, telemetry, streams, history = free_ports(4)
    return Settings(
        edge={"port": edge, "telemetry_port": telemetry},
        streams={"telemetry_port": streams},
        history={"telemetry_port": history},
    )


def test_free_ports_are_no_trouble() -> None:
    layout.check_ports(on_free_ports(), UpOptions())


@pytest.mark.parametrize(
    ("name", "option"), [("edge.port", "--edge-port"), ("history.telemetry_port", "PRESENCE_HISTORY_TELEMETRY_PORT")]
)
def test_a_port_in_use_is_named_with_how_to_choose_another(name: str, option: str) -> None:
    settings = on_free_ports()
    section, _, field = name.partition(".")
    with (
        socket.create_server(("127.0.0.1", getattr(getattr(settings, section), field))),
        pytest.raises(SetupError, match=name) as caught,
    ):
        layout.check_ports(settings, UpOptions())

    assert option in caught.value.remedy


def test_a_port_of_a_tier_that_is_not_wanted_may_be_in_use() -> None:
    settings = on_free_ports()
    with socket.create_server(("127.0.0.1", settings.history.telemetry_port)):
        layout.check_ports(settings, UpOptions(with_history=False))


def test_each_process_reports_on_a_port_of_its_own() -> None:
    urls = layout.telemetry_urls(Settings(), UpOptions(edges=3))

    assert len(set(urls.values())) == len(urls) == 5
    assert urls["edge-1"] == "http://127.0.0.1:8401"
    assert urls["edge-2"] == "http://127.0.0.1:8411"


def test_what_others_learn_of_it_can_be_dialled() -> None:
    running = layout.describe(Settings(edge={"host": "0.0.0.0", "port": 99, "path": "/ws"}), SERVERS, {})

    assert running.edge == "ws://127.0.0.1:99/ws"
    assert (running.kafka, running.postgres, running.valkey) == (SERVERS.kafka, SERVERS.postgres, SERVERS.valkey)


def test_an_edge_is_told_its_name_and_its_port() -> None:
    told = layout.edge_environment(Settings(edge={"node": "paris"}), "edge-2", "http://127.0.0.1:8411")

    assert told == {"PRESENCE_EDGE_NODE": "paris-edge-2", "PRESENCE_EDGE_TELEMETRY_PORT": "8411"}
