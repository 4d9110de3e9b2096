"""Tests of `control.settings.relations`."""

from typing import Any

import pytest
from pydantic import SecretStr

from control.settings.fields import env_name
from control.settings.model import Settings
from control.settings.relations import violations


def test_the_defaults_contradict_each_other_nowhere() -> None:
    assert violations(Settings()) == []


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"lease_ms": 5_999}, ("lease_ms", "heartbeat_ms")),
        ({"grace_ms": 60_001}, ("drain_grace_ms", "grace_ms")),
        ({"streams": {"session_timeout_ms": 4_499}}, ("streams.session_timeout_ms", "streams.heartbeat_ms")),
        ({"streams": {"drain_ms": 6_000}}, ("streams.drain_ms", "streams.session_timeout_ms")),
        ({"edge": {"pong_wait_ms": 25_000}}, ("edge.pong_wait_ms", "edge.ping_ms")),
        ({"edge": {"send_high_water": 2_000_000}}, ("edge.send_high_water", "edge.send_cut")),
        ({"edge": {"port": 8402}}, ("edge.port", "streams.telemetry_port")),
        ({"history": {"telemetry_port": 8401}}, ("edge.telemetry_port", "history.telemetry_port")),
    ],
)
def test_a_contradiction_is_told_with_both_names(values: dict[str, Any], names: tuple[str, str]) -> None:
    (message,) = violations(Settings(**values))

    for name in names:
        assert name in message
        assert env_name(name) in message


@pytest.mark.parametrize(
    "values",
    [
        {"lease_ms": 6_000},
        {"grace_ms": 60_000},
        {"streams": {"session_timeout_ms": 4_500}},
        {"edge": {"pong_wait_ms": 24_999}},
        {"edge": {"telemetry_port": 0, "port": 0}},
    ],
)
def test_what_just_fits_is_accepted(values: dict[str, Any]) -> None:
    assert violations(Settings(**values)) == []


def test_a_secret_that_could_be_guessed_is_refused_without_showing_it() -> None:
    (message,) = violations(Settings(token={"secret": SecretStr("short one")}))

    assert "PRESENCE_TOKEN_SECRET" in message
    assert "9 bytes" in message
    assert "short one" not in message


def test_a_secret_is_measured_in_bytes() -> None:
    assert violations(Settings(token={"secret": SecretStr("ü" * 16)})) == []
