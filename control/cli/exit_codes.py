"""What the exit code of the command says, in one table for docs/reference/cli.md. Numbers as in sysexits.h."""

from enum import IntEnum

from presence.domain.errors import (
    InvalidInput,
    NotAllowed,
    PresenceError,
    SetupError,
    Unavailable,
    UndecodableRecord,
)


class ExitCode(IntEnum):
    """Exit codes of ``presence``."""

    OK = 0
    CHECK_FAILED = 1
    USAGE = 2
    BAD_INPUT = 65
    UNAVAILABLE = 69
    INTERNAL = 70
    NOT_ALLOWED = 77
    CONFIGURATION = 78
    INTERRUPTED = 130


MEANING: dict[ExitCode, str] = {
    ExitCode.OK: "done, or stopped because it was told to",
    ExitCode.CHECK_FAILED: "`presence doctor` found something that fails",
    ExitCode.USAGE: "the command line is wrong",
    ExitCode.BAD_INPUT: "what was given in cannot be understood",
    ExitCode.UNAVAILABLE: "a server is away; the same command may succeed later",
    ExitCode.INTERNAL: "a defect of ours: please report it with `--debug`",
    ExitCode.NOT_ALLOWED: "refused: the token or a limit forbids it",
    ExitCode.CONFIGURATION: "the settings or the machine must be put right first; the message says how",
    ExitCode.INTERRUPTED: "interrupted a second time, before it could stop in order",
}

_BY_CLASS: tuple[tuple[type[PresenceError], ExitCode], ...] = (
    (SetupError, ExitCode.CONFIGURATION),
    (NotAllowed, ExitCode.NOT_ALLOWED),
    (InvalidInput, ExitCode.BAD_INPUT),
    (UndecodableRecord, ExitCode.BAD_INPUT),
    (Unavailable, ExitCode.UNAVAILABLE),
)


def exit_code(error: PresenceError) -> ExitCode:
    """The exit code of an error; by the error's ``retryable`` before its class."""
    if error.retryable:
        return ExitCode.UNAVAILABLE
    return next((code for kind, code in _BY_CLASS if isinstance(error, kind)), ExitCode.INTERNAL)
