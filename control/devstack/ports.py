"""Free local ports that stay the same from one start to the next."""

import json
import socket
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from control.devstack.datadir import write_json
from presence.domain.errors import SetupError

HOST = "127.0.0.1"

FIRST_PORT, LAST_PORT = 15_000, 29_999
"""Below the range from which systems take ports for outgoing connections (32768 on Linux, 49152 elsewhere). Inside
it, a client that retries while its server is away can connect to itself, and then holds the server's port."""


def choose_ports(file: Path, wanted: Mapping[str, int | None]) -> dict[str, int]:
    """Return a port per name, and remember them in ``file``.

    A number in ``wanted`` is used or refused; for None the remembered port is used if it is free, else a new one.

    Raises:
        SetupError: a wanted port is in use, or no port is free.
    """
    remembered = _read(file)
    fresh = _candidates(str(file))
    chosen: dict[str, int] = {}
    for name, port in wanted.items():
        if port is not None and not is_free(port):
            raise SetupError(
                f"port {port} for {name} is in use by another program",
                "Stop that program, choose another port, or leave the port out to have a free one chosen.",
            )
        old = remembered.get(name)
        if port is None and old is not None and old not in chosen.values() and is_free(old):
            port = old  # noqa: PLW2901 - the resolved port takes the place of the wish
        if port is None:
            # Not one that is remembered for another name either.
            port = next(p for p in fresh if p not in (remembered | chosen).values())  # noqa: PLW2901 - as above
        chosen[name] = port
    if remembered | chosen != remembered:
        write_json(file, remembered | chosen)
    return chosen


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the port now."""
    with socket.socket() as probe:
        # As the servers do: connections of an earlier life that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _read(file: Path) -> dict[str, int]:
    try:
        content = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {str(name): port for name, port in content.items() if isinstance(port, int)}


def _candidates(seed: str) -> Iterator[int]:
    """Yield free ports from a place that depends on the directory, so that two stacks seldom meet."""
    size = LAST_PORT - FIRST_PORT + 1
    start = zlib.crc32(seed.encode()) % size
    for step in range(size):
        port = FIRST_PORT + (start + step) % size
        if is_free(port):
            yield port
    raise SetupError(
        f"no free port between {FIRST_PORT} and {LAST_PORT}", "Stop programs that hold ports, or name fixed ports."
    )
