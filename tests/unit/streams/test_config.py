"""The settings of a worker are checked against each other."""

import pytest

from presence.domain.errors import SetupError
from presence.wire.topics import TopicNames
from streams.config import StreamsConfig


def test_the_defaults_hold_and_name_the_groups_after_the_changelog() -> None:
    config = StreamsConfig("127.0.0.1:9092")

    assert config.app_id == "presence"
    assert config.history_id == "presence-history"


def test_a_prefix_goes_before_every_name() -> None:
    config = StreamsConfig("127.0.0.1:9092", names=TopicNames.with_prefix("blue-"))

    assert config.app_id == "blue-presence"
    assert config.names.users_changelog == f"{config.app_id}-users-changelog"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"partitions": 0}, ["partitions=0"]),
        ({"heartbeat_s": 3.0}, ["session_timeout_s=6.0", "heartbeat_s=3.0"]),
        ({"drain_timeout_s": 7.0}, ["drain_timeout_s=7.0", "session_timeout_s=6.0"]),
        ({"lease_ms": 5_000}, ["lease_ms=5000", "heartbeat_ms=3000"]),
        ({"tick_s": 2.0}, ["max_tick_gap_ms=3000", "tick_s=2.0"]),
        ({"lease_ms": 6_000, "max_tick_gap_ms": 6_000}, ["lease_ms=6000", "max_tick_gap_ms=6000"]),
        ({"names": TopicNames(users_changelog="people")}, ["people"]),
    ],
)
def test_settings_that_do_not_go_together_are_named(change: dict[str, object], named: list[str]) -> None:
    with pytest.raises(SetupError) as refused:
        StreamsConfig("127.0.0.1:9092", **change)  # type: ignore[arg-type]

    assert all(name in str(refused.value) for name in named)
