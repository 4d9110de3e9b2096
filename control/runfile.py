"""What a running ``presence up`` tells other commands about itself: a file in its data directory, and its secret."""

import os
import secrets
from pathlib import Path

import msgspec
import psutil

from presence.domain.errors import SetupError

RUN_FILE = "run.json"
SECRET_FILE = "token-secret"  # noqa: S105 - a file's name


class Running(msgspec.Struct, frozen=True):
    """A ``presence up`` and where its parts answer."""

    pid: int
    kafka: str
    postgres: str
    valkey: str
    edge: str
    """URL of the WebSockets."""
    telemetry: dict[str, str]
    """Process name -> base URL of its health and metrics."""
    tenant: str
    topic_prefix: str = ""


def write_running(data_dir: Path, running: Running) -> None:
    """Write the file whole or not at all."""
    draft = data_dir / f"{RUN_FILE}.new"
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(running), indent=1) + b"\n")
    draft.replace(data_dir / RUN_FILE)


def remove_running(data_dir: Path) -> None:
    """Remove the file at the end."""
    (data_dir / RUN_FILE).unlink(missing_ok=True)


def find_running(data_dir: Path) -> Running | None:
    """The ``presence up`` of a data directory, None when there is none or it is dead."""
    try:
        running = msgspec.json.decode((data_dir / RUN_FILE).read_bytes(), type=Running)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError, msgspec.ValidationError):
        return None
    return running if psutil.pid_exists(running.pid) else None


def read_secret(data_dir: Path) -> str | None:
    """The secret of a data directory, None before its first start.

    Raises:
        SetupError: it is there but not for this user.
    """
    path = data_dir / SECRET_FILE
    try:
        return path.read_text().strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise SetupError(f"{path} cannot be read: {exc.strerror}", "Run as the user that runs `presence up`.") from exc


def keep_secret(data_dir: Path) -> str:
    """The secret of a data directory; the first call makes it, for its owner's eyes only."""
    known = read_secret(data_dir)
    if known is not None:
        return known
    fresh = secrets.token_urlsafe(48)
    descriptor = os.open(data_dir / SECRET_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(fresh + "\n")
    return fresh
