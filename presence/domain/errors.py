"""The error tree: every failure we raise on purpose, with a stable code and whether a retry may help.

    PresenceError
    ├── InvalidInput            what was sent cannot be understood; sending it again changes nothing
    │   ├── InvalidField        one field is wrong; ``field`` is its path
    │   └── TooLarge            something exceeds its published limit
    ├── NotAllowed              understood and refused
    │   ├── InvalidToken        the token does not prove what it claims
    │   └── LimitExceeded       a published limit would be passed
    ├── Unavailable             a dependency is away; the same request may succeed later
    │   ├── LogUnavailable      Kafka does not acknowledge
    │   └── HistoryUnavailable  the history store does not answer
    ├── HistoryRefused          the history store will never accept a row; its record goes to the dead letters
    ├── UndecodableRecord       a record of the log cannot be folded; it goes to the dead letters
    └── SetupError              the process cannot start; the text says what to do

Edges map ``code`` to close codes (``ws_edge/codes.py``) and exit codes (``control/cli``) in one table each.
"""

from typing import ClassVar


class PresenceError(Exception):
    """Root of everything we raise on purpose."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False


class InvalidInput(PresenceError):
    """What was sent cannot be understood."""

    code = "bad_message"


class InvalidField(InvalidInput):
    """One field of the input is missing, of the wrong type or out of range."""

    code = "invalid_field"

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{field}: {problem}")


class TooLarge(InvalidInput):
    """Something exceeds its published limit."""

    code = "too_large"

    def __init__(self, what: str, size: int, limit: int) -> None:
        self.what = what
        self.size = size
        self.limit = limit
        super().__init__(f"{what} is {size}, the limit is {limit}")


class NotAllowed(PresenceError):
    """Understood and refused."""

    code = "forbidden"


class InvalidToken(NotAllowed):
    """The token does not prove what it claims. ``reason`` is stable and never echoes the token."""

    code = "invalid_token"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"token refused: {reason}")


class LimitExceeded(NotAllowed):
    """A published limit would be passed."""

    code = "limit_exceeded"

    def __init__(self, what: str, limit: int) -> None:
        self.what = what
        self.limit = limit
        super().__init__(f"{what}: the limit is {limit}")


class Unavailable(PresenceError):
    """A dependency is away; the same request may succeed later."""

    code = "unavailable"
    retryable = True


class LogUnavailable(Unavailable):
    """Kafka does not acknowledge: nothing was promised, the event may or may not be in the log."""

    code = "log_unavailable"


class HistoryUnavailable(Unavailable):
    """The history store does not answer."""

    code = "history_unavailable"


class HistoryRefused(PresenceError):
    """The history store will never accept what it was given; trying again changes nothing."""

    code = "history_refused"


class UndecodableRecord(PresenceError):
    """A record of the log cannot be folded. ``reason`` is one of the dead-letter reasons of docs/reference."""

    code = "undecodable_record"

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


class SetupError(PresenceError):
    """The process cannot start. ``remedy`` tells the operator what to do about it."""

    code = "setup"

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{problem}\n  {remedy}")
