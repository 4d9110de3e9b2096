"""The error tree: codes are stable, texts build themselves."""

import inspect

import pytest

from presence.domain import errors
from presence.domain.errors import (
    InvalidField,
    InvalidToken,
    LimitExceeded,
    LogUnavailable,
    PresenceError,
    SetupError,
    TooLarge,
    UndecodableRecord,
)

ALL = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, PresenceError)]


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [cls.code for cls in ALL]

    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_only_what_is_unavailable_may_be_tried_again(cls: type[PresenceError]) -> None:
    assert cls.retryable is issubclass(cls, errors.Unavailable)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InvalidField("rooms", "is no list"), "rooms: is no list"),
        (TooLarge("meta bytes", 2_000, 1_024), "meta bytes is 2000, the limit is 1024"),
        (InvalidToken("expired"), "token refused: expired"),
        (LimitExceeded("rooms per session", 128), "rooms per session: the limit is 128"),
        (UndecodableRecord("decode", "no JSON"), "decode: no JSON"),
        (SetupError("no servers", "start them"), "no servers\n  start them"),
        (LogUnavailable("no acknowledgement"), "no acknowledgement"),
    ],
)
def test_errors_say_what_happened(error: PresenceError, text: str) -> None:
    assert str(error) == text
