"""What this machine and this installation offer: versions, files that may be open, room on the disk."""

import platform
import resource
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from control.devstack.datadir import LAYOUT
from control.doctor.findings import Finding, fail, ok, warn
from control.runfile import SECRET_FILE, Running

_PACKAGES = ("faust-streaming", "mode-streaming", "aiokafka", "websockets", "asyncpg", "uvloop", "msgspec")

FILES_WANTED = 8_192
"""One file per connection and some: below it an edge refuses people long before its memory is full."""

FREE_WARN_BYTES = 2_000_000_000
FREE_FAIL_BYTES = 200_000_000
"""Kafka stops when a write fails, and one segment of its log may take as much."""


def versions() -> list[Finding]:
    """Ours, Python's and those of the packages that matter."""
    parts = [f"{name} {_version(name)}" for name in _PACKAGES]
    return [ok("versions", f"presence {_version('presence')}, Python {platform.python_version()}, {', '.join(parts)}")]


def open_files() -> list[Finding]:
    """How many files (and so connections) a process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    detail = f"{soft} (at most {hard})"
    if soft < FILES_WANTED:
        wanted = min(FILES_WANTED, hard) if hard > 0 else FILES_WANTED
        return [
            warn("open files", detail, f"Run `ulimit -n {wanted}` before the edges start: each connection is a file.")
        ]
    return [ok("open files", detail)]


def data_dir(folder: Path, running: Running | None) -> list[Finding]:
    """The data directory of `presence up`: whether it is in use, its secret, the room left."""
    if not folder.exists():
        return [warn("data directory", f"{folder} does not exist", "`presence up` makes it; or name it by --data-dir.")]
    found = [
        ok("data directory", f"{folder}, layout {LAYOUT}, in use by process {running.pid}")
        if running
        else warn("data directory", f"{folder}, not in use", "Start `presence up` there to have everything running.")
    ]
    secret = folder / SECRET_FILE
    if secret.exists() and secret.stat().st_mode & 0o077:
        found.append(
            fail("secret", f"{secret} can be read by others", f"Run `chmod 600 {secret}`, and make a new secret.")
        )
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:.1f} GB free on the disk of {folder}"
    if free < FREE_FAIL_BYTES:
        found.append(fail("disk", text, "Make room now: Kafka and PostgreSQL stop when they cannot write."))
    elif free < FREE_WARN_BYTES:
        found.append(warn("disk", text, "Make room, or lower PRESENCE_TOPICS_EVENTS_RETENTION_MS for new topics."))
    else:
        found.append(ok("disk", text))
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
