"""Exit 0 when the tier in this container is ready: ask ``/readyz`` on the port given, or on the default ones."""  # noqa: INP001

import sys
import urllib.error
import urllib.request

DEFAULT_PORTS = ("8401", "8402", "8403")
"""Telemetry of edge, streams and history. A container runs one tier, so one of them answers."""


def is_ready(port: str) -> bool:
    """Whether the tier that listens on ``port`` says that it is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as exc:
        print(exc.read().decode(errors="replace"))  # noqa: T201 - Docker keeps it for `docker inspect`
        return False
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if any(is_ready(port) for port in sys.argv[1:] or DEFAULT_PORTS) else 1)
