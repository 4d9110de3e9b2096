"""What PostgreSQL's refusals mean: never, later, or not set up."""

import asyncpg
import pytest

from presence.adapters.postgres.failures import outages_as_errors, refusals_as_errors
from presence.domain.errors import HistoryRefused, HistoryUnavailable, SetupError


@pytest.mark.parametrize(
    "cause",
    [
        asyncpg.UntranslatableCharacterError("\\u0000 cannot be converted to text"),
        asyncpg.ExclusionViolationError("conflicting key value"),
        asyncpg.UniqueViolationError("duplicate key"),
        asyncpg.ProgramLimitExceededError("index row size exceeds"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        OverflowError("value out of int64 range"),
    ],
)
def test_what_is_wrong_with_a_row_is_a_refusal(cause: Exception) -> None:
    with pytest.raises(HistoryRefused), refusals_as_errors():
        raise cause


@pytest.mark.parametrize(
    "cause",
    [
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.SerializationError("could not serialize access"),
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.AdminShutdownError("terminating connection"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.DiskFullError("no space left on device"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
        asyncpg.InterfaceError("connection is closed"),
        # Seen when PostgreSQL was killed between two statements; it used to end the writer's process.
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
        ConnectionRefusedError(111, "refused"),
        TimeoutError(),
    ],
)
def test_what_may_pass_is_an_outage_and_no_refusal(cause: Exception) -> None:
    with pytest.raises(HistoryUnavailable) as caught, outages_as_errors(), refusals_as_errors():
        raise cause

    assert caught.value.retryable
    assert caught.value.__cause__ is cause


def test_a_missing_table_asks_for_a_migration() -> None:
    with pytest.raises(SetupError, match="presence migrate"), outages_as_errors():
        raise asyncpg.UndefinedTableError('relation "events" does not exist')


def test_a_refusal_passes_the_outage_check_as_it_is() -> None:
    with pytest.raises(HistoryRefused), outages_as_errors():
        raise HistoryRefused("never")
