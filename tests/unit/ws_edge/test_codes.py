"""The table of codes is whole, and means what its ranges promise."""

import pytest

from control.client.backoff import may_return
from presence.domain import errors
from presence.domain.errors import InvalidField, LimitExceeded, LogUnavailable, TooLarge
from ws_edge.codes import CLOSE_CODES, ERROR_CODES, RESERVED, Code


def test_every_code_has_its_meaning_and_every_name_is_used_once() -> None:
    assert CLOSE_CODES.keys() == set(Code)
    assert len({meaning.name for meaning in CLOSE_CODES.values()}) == len(CLOSE_CODES)


@pytest.mark.parametrize("code", Code)
def test_ranges_tell_who_may_come_back(code: Code) -> None:
    if 4000 <= code < 4100:
        assert CLOSE_CODES[code].reconnect
    if 4500 <= code < 4600:
        assert not CLOSE_CODES[code].reconnect


@pytest.mark.parametrize("code", Code)
def test_our_client_comes_back_when_the_table_says_so(code: Code) -> None:
    assert may_return(code) == CLOSE_CODES[code].reconnect


@pytest.mark.parametrize("code", Code)
def test_a_name_fits_into_a_close_frame(code: Code) -> None:
    assert len(CLOSE_CODES[code].name.encode()) <= 123


def test_reserved_codes_say_who_will_send_them() -> None:
    assert RESERVED.keys() < set(Code)
    assert all(RESERVED.values())


@pytest.mark.parametrize("kind", [InvalidField, TooLarge, LimitExceeded, LogUnavailable])
def test_errors_that_a_command_may_meet_are_in_the_table_as_retryable_as_they_are(
    kind: type[errors.PresenceError],
) -> None:
    assert ERROR_CODES[kind.code].retry == kind.retryable
