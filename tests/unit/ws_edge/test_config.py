"""Settings of an edge that contradict each other are refused with both names."""

import pytest

from presence.domain.errors import SetupError
from ws_edge.config import EdgeConfig


def test_the_defaults_agree() -> None:
    EdgeConfig(node="n").check()


def test_a_lease_must_outlive_a_missed_heartbeat() -> None:
    with pytest.raises(SetupError, match=r"lease_ms \(5000\).*heartbeat_ms \(3000\)"):
        EdgeConfig(node="n", lease_ms=5_000).check()


def test_connections_are_held_back_before_they_are_cut() -> None:
    with pytest.raises(SetupError, match=r"send_cut \(65536\).*send_high_water \(65536\)"):
        EdgeConfig(node="n", send_cut=65_536).check()
