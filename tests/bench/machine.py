"""Facts about the machine that belong to every figure."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

_LIBRARIES = ("faust-streaming", "aiokafka", "websockets", "msgspec", "uvloop", "asyncpg")


def machine_facts() -> dict[str, Any]:
    """Processor, cores, memory, kernel and versions."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }
