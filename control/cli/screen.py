"""Progress on standard error: a spinner with ticked lines on a terminal, plain lines elsewhere."""

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape


class Screen:
    """Shows what is being done. Also the `Progress` of the embedded servers."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._status = self._console.status("starting", spinner="dots") if self._console.is_terminal else None
        self._began = time.monotonic()
        self._tenths = -1
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def pause(self) -> None:
        """Take the spinner away: for now there is nothing to wait for."""
        if self._status is not None:
            self._status.stop()

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._began

    def step(self, name: str, detail: str) -> None:
        """Note that ``name`` is now doing ``detail``."""
        if self._status is not None:
            self._status.update(f"{escape(name)}: {escape(detail)}")
            if detail not in {"starting", "waiting"}:
                self._console.print(f"[green]✓[/] {name:<10}[dim]{self.seconds:5.1f} s[/]  {escape(detail)}")
        else:
            self._console.print(f"{name}: {detail} ({self.seconds:.1f} s)", markup=False, soft_wrap=True)

    def trouble(self, name: str, detail: str) -> None:
        """Note what should not be."""
        self._console.print(f"[bold red]![/] {name:<10} {escape(detail)}", soft_wrap=True)

    def download(self, name: str, done_bytes: int, total_bytes: int) -> None:
        """Note how much of a download has arrived, ten times at most when lines are written."""
        text = f"{done_bytes / 1e6:.0f} of {total_bytes / 1e6:.0f} MB"
        if self._status is not None:
            self._status.update(f"{escape(name)}: {text}")
            return
        tenths = 10 * done_bytes // max(total_bytes, 1)
        with self._lock:
            is_new = tenths != self._tenths
            self._tenths = tenths
        if is_new:
            self.step(name, text)
