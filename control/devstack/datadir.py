"""The one directory in which a stack keeps everything: its layout version and its lock."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from presence.domain.errors import SetupError

LAYOUT = 1
"""Version of the directory's layout. Raise it when an older program could no longer use the directory."""


class DataDir:
    """Paths inside the data directory, and the right to use it."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()

    @property
    def logs(self) -> Path:
        """Folder of the servers' logs."""
        return self.root / "logs"

    @property
    def ports_file(self) -> Path:
        """File that remembers the ports of the last start."""
        return self.root / "ports.json"

    @property
    def processes_file(self) -> Path:
        """File that names the running servers, for the next start to find leftovers."""
        return self.root / "processes.json"

    def server(self, name: str) -> Path:
        """Return the folder of one server, made if need be."""
        path = self.root / name
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        return path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for this process; the kernel lets go of it if the process dies.

        Raises:
            SetupError: another process holds it, a newer version made it, or it cannot be written.
        """
        try:
            self._check_layout()
            self.root.mkdir(parents=True, exist_ok=True)
            self.logs.mkdir(exist_ok=True)
            # Opened without truncating: until we hold the lock, the pid in it is the holder's.
            descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as exc:
            raise SetupError(
                f"the data directory {self.root} cannot be used: {exc.strerror}",
                "Make it writable for this user or name another data directory.",
            ) from exc
        try:
            self._take(descriptor)
            # Again, now that nobody else can change it; the first check came before anything was written.
            self._check_layout()
            self._write_layout()
            yield
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise SetupError(
                f"the data directory {self.root} is in use by process {holder}",
                f"Stop it (kill {holder}) or name another data directory.",
            ) from exc
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def _check_layout(self) -> None:
        path = self.root / "version.json"
        try:
            layout = json.loads(path.read_text())["layout"]
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError) as exc:
            raise SetupError(
                f"{path} cannot be read: {exc}",
                'Restore it, or write {"layout": 1} into it if this directory was made by the first version.',
            ) from exc
        if not isinstance(layout, int) or layout > LAYOUT:
            raise SetupError(
                f"{self.root} has layout {layout}, made by a newer version; this one knows layout {LAYOUT}",
                "Upgrade, or name another data directory. Nothing was changed.",
            )

    def _write_layout(self) -> None:
        path = self.root / "version.json"
        if not path.exists():
            write_json(path, {"layout": LAYOUT})


def write_json(path: Path, content: object) -> None:
    """Write a small file whole or not at all."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(content, indent=1) + "\n")
    draft.replace(path)
