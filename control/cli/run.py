"""``presence run``: one tier in the foreground, against named servers."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
