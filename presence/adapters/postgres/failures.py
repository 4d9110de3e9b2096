"""What PostgreSQL's refusals mean to us: away, never, or not set up."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from presence.domain.errors import HistoryRefused, HistoryUnavailable, SetupError

# SQLSTATE classes (PostgreSQL manual, appendix A).
_CONTENT = ("22", "23", "54")  # data exception, integrity violation, program limit: this row, at any time
_SCHEMA = ("3F", "42")  # no such schema, table or column; no right to it


@contextmanager
def refusals_as_errors() -> Iterator[None]:
    """Raise `HistoryRefused` where a row's content is at fault; let everything else pass."""
    try:
        yield
    except asyncpg.PostgresError as exc:
        if _sqlstate(exc)[:2] in _CONTENT:
            raise HistoryRefused(f"{type(exc).__name__}: {exc}") from exc
        raise
    except (ValueError, OverflowError) as exc:
        # asyncpg cannot even encode it: a number beyond bigint, a lone surrogate.
        raise HistoryRefused(f"{type(exc).__name__}: {exc}") from exc


@contextmanager
def outages_as_errors() -> Iterator[None]:
    """Raise `HistoryUnavailable` where a retry may help, `SetupError` where the schema is at fault."""
    try:
        yield
    except asyncpg.PostgresError as exc:
        if _sqlstate(exc)[:2] in _SCHEMA:
            raise SetupError(
                f"the history's tables do not fit this build: {exc}", "Run `presence migrate` against this database."
            ) from exc
        raise HistoryUnavailable(f"{type(exc).__name__}: {exc}") from exc
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as exc:
        # InternalClientError: the server's last word on an idle connection and our next statement crossed each other.
        raise HistoryUnavailable(f"{type(exc).__name__}: {exc}") from exc


def _sqlstate(exc: asyncpg.PostgresError) -> str:
    return str(getattr(exc, "sqlstate", None) or "")
