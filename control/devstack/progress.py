"""How the stack tells a person what it is doing: a port, and its plain forms."""

import sys
import threading
from typing import Protocol


class Progress(Protocol):
    """Is told what happens. Calls may come from another thread than the loop's, never from two at once."""

    def step(self, name: str, detail: str) -> None:
        """Note that ``name`` (a server, or ``jars``) is now doing ``detail``."""
        ...

    def download(self, name: str, done_bytes: int, total_bytes: int) -> None:
        """Note that ``done_bytes`` of ``total_bytes`` of ``name`` have arrived."""
        ...


class NoProgress:
    """Says nothing."""

    def step(self, name: str, detail: str) -> None:
        """Ignore the step."""

    def download(self, name: str, done_bytes: int, total_bytes: int) -> None:
        """Ignore the download."""


class LineProgress:
    """Writes a line to standard error per step, and one per tenth of a download."""

    def __init__(self) -> None:
        self._tenths = -1
        self._lock = threading.Lock()

    def step(self, name: str, detail: str) -> None:
        """Write the step as a line."""
        print(f"{name}: {detail}", file=sys.stderr, flush=True)  # noqa: T201 - writing lines is its purpose

    def download(self, name: str, done_bytes: int, total_bytes: int) -> None:
        """Write a line when another tenth has arrived."""
        tenths = 10 * done_bytes // max(total_bytes, 1)
        with self._lock:
            if tenths == self._tenths:
                return
            self._tenths = tenths
        self.step(name, f"{done_bytes / 1e6:.0f} of {total_bytes / 1e6:.0f} MB")
