"""Tests of `control.bootstrap.workers` and of the edge's configuration: settings become the tiers' own."""

import dataclasses

import pytest

from control.bootstrap.edge import edge_config
from control.bootstrap.parts import consumer_groups
from control.bootstrap.workers import streams_config
from control.settings.model import Settings
from projections.config import HistoryConfig
from streams.config import StreamsConfig
from ws_edge.config import EdgeConfig

BROKER = "broker:9092"


def test_the_defaults_are_those_of_the_stream_worker() -> None:
    made = streams_config(Settings(kafka=BROKER), "streams-1")

    assert made == StreamsConfig(bootstrap=BROKER)


def test_the_defaults_are_those_of_the_edge() -> None:
    made = edge_config(Settings(edge={"node": "n"}))

    assert made == dataclasses.replace(EdgeConfig(node="n"), reuse_port=True)
    made.check()


def test_the_defaults_are_those_of_the_history() -> None:
    assert Settings().history.cached_users == HistoryConfig().cached_users


@pytest.mark.parametrize("lease_ms", [1_000, 2_500, 6_000, 10_000, 60_000])
def test_every_lease_gets_ticks_that_can_judge_it(lease_ms: int) -> None:
    """The configuration checks its own relations; a lease of any length must satisfy them."""
    made = streams_config(Settings(kafka=BROKER, lease_ms=lease_ms, heartbeat_ms=lease_ms // 4), "w")

    assert 2_000 * made.tick_s <= made.max_tick_gap_ms < lease_ms


def test_groups_are_named_as_the_workers_name_them() -> None:
    settings = Settings(kafka=BROKER, topics={"prefix": "eu."})
    made = streams_config(settings, "w")

    assert consumer_groups(settings) == {"streams": made.app_id, "history": made.history_id}


def test_origins_are_listed_with_commas() -> None:
    made = edge_config(Settings(edge={"origins": "https://a.example, https://b.example"}))

    assert made.origins == ("https://a.example", "https://b.example")


def test_an_edge_without_a_name_has_its_machines_and_its_port() -> None:
    assert edge_config(Settings(edge={"port": 8499})).node.endswith("-8499")
