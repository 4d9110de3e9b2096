"""Whether a line like ``presence watch --room lobby`` would be understood by the command, without running it."""

import re
import shlex
from functools import cache
from typing import Any

import typer
import typer.main

# Typer brings its own copy of click, and only this class of it is public.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


@cache
def _root() -> Any:
    from control.cli.main import app  # noqa: PLC0415 - heavy, and only these tests need it

    return typer.main.get_command(app)


def complaint(line: str) -> str | None:
    """What is wrong with a ``presence …`` line: an unknown subcommand, option or value; None when nothing is.

    What follows a pipe, a redirection, ``&`` or a comment is not ours.
    """
    words = shlex.split(re.split(r"\s[|>&#]", line)[0])
    if words[0].rpartition("/")[2] != "presence":
        return f"{line!r}: not our command"
    command, rest = _root(), [word for word in words[1:] if word != "--debug"]
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name not in command.commands:
            return f"{line!r}: there is no {name!r}"
        command = command.commands[name]
    if not rest and line.startswith("presence") and len(words) == 2:
        return None  # `presence connect` in running text is a name, and needs no options
    if {"--help", "-h"} & set(rest):
        return None
    try:
        command.make_context(words[0], rest)
    except _UsageError as exc:
        return f"{line!r}: {exc}"
    return None
