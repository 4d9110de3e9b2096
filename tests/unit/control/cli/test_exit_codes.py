"""Tests of `control.cli.exit_codes`."""

import pytest

from control.cli.exit_codes import MEANING, ExitCode, exit_code
from control.client.errors import ClosedForGood, EdgeUnavailable, Refused
from control.errors import NoEdge, NoSecret, ServerAway
from control.settings.load import SettingsInvalid
from presence.domain.errors import (
    InvalidField,
    InvalidToken,
    LogUnavailable,
    PresenceError,
    SetupError,
    UndecodableRecord,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SetupError("a", "b"), ExitCode.CONFIGURATION),
        (SettingsInvalid("a", "b"), ExitCode.CONFIGURATION),
        (NoSecret(".presence"), ExitCode.CONFIGURATION),
        (ServerAway("a", "b"), ExitCode.UNAVAILABLE),
        (NoEdge(".presence"), ExitCode.UNAVAILABLE),
        (LogUnavailable("a"), ExitCode.UNAVAILABLE),
        (EdgeUnavailable("ws://x", "a"), ExitCode.UNAVAILABLE),
        (InvalidToken("expired"), ExitCode.NOT_ALLOWED),
        (Refused("forbidden", "a", retry=False), ExitCode.NOT_ALLOWED),
        (InvalidField("a", "b"), ExitCode.BAD_INPUT),
        (UndecodableRecord("a", "b"), ExitCode.BAD_INPUT),
        (ClosedForGood(4508, "kicked"), ExitCode.NOT_ALLOWED),
        (PresenceError("a"), ExitCode.INTERNAL),
    ],
)
def test_each_kind_of_failure_has_its_code(error: PresenceError, code: ExitCode) -> None:
    assert exit_code(error) is code


def test_every_code_is_explained() -> None:
    assert set(MEANING) == set(ExitCode)
