"""Kafka's jars: which ones, where they are cached, and how they get there the first time.

The list is pinned with hashes in ``jars.lock``. A complete cache is never checked against the network.
"""

import fcntl
import hashlib
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from control.devstack.progress import Progress
from presence.domain.errors import SetupError

KAFKA_ARTIFACT = "org.apache.kafka:kafka_2.13"

DOWNLOADS_AT_ONCE = 4
"""Connections to the repository. One takes three times as long; more gained nothing and are impolite."""

ATTEMPTS = 3
"""For each jar: one of 46 fails now and then on a poor connection; a repository that is away is told soon."""

Fetch = Callable[["Jar", Path, Callable[[int], None]], Path]
"""Fetches one jar into a folder, tells how many bytes arrived as they do, and returns its path."""


class DownloadStopped(Exception):
    """The download was given up because its owner stops."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """Its name in the cache."""
        return f"{self.artifact}-{self.version}.jar"


def read_lock(text: str | None = None) -> tuple[Jar, ...]:
    """Return the pinned jars, sorted by name: the order on the classpath."""
    if text is None:
        text = resources.files("control.devstack").joinpath("jars.lock").read_text()
    jars = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            coordinate, size, sha256 = line.split()
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, int(size), sha256))
    return tuple(sorted(jars, key=lambda jar: jar.filename))


def kafka_version(jars: tuple[Jar, ...]) -> str:
    """Return the version of Kafka that the lock pins."""
    return next(jar.version for jar in jars if f"{jar.group}:{jar.artifact}" == KAFKA_ARTIFACT)


class JarCache:
    """The folder that holds the pinned jars."""

    def __init__(self, cache: Path, jars: tuple[Jar, ...] | None = None) -> None:
        self.jars = read_lock() if jars is None else jars
        self.home = cache / f"kafka-{kafka_version(self.jars)}"

    def classpath(self) -> tuple[Path, ...] | None:
        """Return the jars' paths, or None if any is missing or has another size than it should."""
        paths = tuple(self.home / "jars" / jar.filename for jar in self.jars)
        whole = all(
            path.is_file() and path.stat().st_size == jar.size for path, jar in zip(paths, self.jars, strict=True)
        )
        return paths if whole else None

    def ensure(self, progress: Progress, stop: threading.Event, fetch: Fetch | None = None) -> tuple[Path, ...]:
        """Return the jars' paths, downloading what is missing. Blocks; ``stop`` ends a download early.

        Raises:
            SetupError: a jar cannot be had, or is not the one that is pinned.
            DownloadStopped: ``stop`` was set.
        """
        if paths := self.classpath():
            return paths
        try:
            (self.home / "jars").mkdir(parents=True, exist_ok=True)
            with _locked(self.home / "lock"):
                # Another stack may have downloaded them while we waited.
                if not self.classpath():
                    self._download(progress, stop, fetch or fetch_with_jgo)
        except OSError as exc:
            raise _failed(self.home, exc) from exc
        paths = self.classpath()
        if paths is None:
            raise _failed(self.home, "files vanished while they were downloaded")
        return paths

    def _download(self, progress: Progress, stop: threading.Event, fetch: Fetch) -> None:
        missing = [jar for jar in self.jars if not _is_whole(self.home / "jars" / jar.filename, jar)]
        total = sum(jar.size for jar in missing)
        progress.step("jars", f"downloading Kafka {kafka_version(self.jars)} ({total / 1e6:.0f} MB, once)")
        # Of a start that was killed; the lock says that nobody uses them.
        for leftover in self.home.glob("download-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        done = 0
        lock = threading.Lock()

        def arrived(count: int) -> None:
            nonlocal done
            if stop.is_set():
                raise DownloadStopped
            with lock:
                done += count
                progress.download("jars", done, total)

        def one(jar: Jar) -> None:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    # A folder of its own: what a broken attempt left behind is not taken for the file.
                    return self._place(jar, fetch(jar, Path(staging) / f"{jar.artifact}-{attempt}", arrived))
                except SetupError:
                    if attempt == ATTEMPTS:
                        raise
            return None

        # Moved into place only when whole and genuine, so that an interrupted download leaves nothing half.
        with (
            tempfile.TemporaryDirectory(dir=self.home, prefix="download-") as staging,
            ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool,
        ):
            futures = [pool.submit(one, jar) for jar in missing]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _place(self, jar: Jar, source: Path) -> None:
        if hashlib.sha256(source.read_bytes()).hexdigest() != jar.sha256:
            raise SetupError(
                f"{jar.filename} is not the file that is pinned (SHA-256 differs)",
                "Try again; if it stays, the Maven repository or a proxy on the way alters files.",
            )
        shutil.move(source, self.home / "jars" / jar.filename)


def fetch_with_jgo(jar: Jar, folder: Path, arrived: Callable[[int], None]) -> Path:
    """Fetch one jar with jgo's own Maven client, from the repositories its user configured or Maven Central."""
    # Imported late: only a first start needs jgo and the HTTP client behind it.
    import requests  # noqa: PLC0415 - as above
    from jgo.config import GlobalSettings  # noqa: PLC0415 - as above
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415 - as above

    @contextmanager
    def told(_name: str, _total: int) -> Iterator[Callable[[int], None]]:
        yield arrived

    logging.getLogger("jgo").setLevel(logging.ERROR)
    context = MavenContext(
        resolver=PythonResolver(progress_callback=told),
        repo_cache=folder,
        remote_repos=GlobalSettings.load().repositories or None,
    )
    try:
        component = context.project(jar.group, jar.artifact).at_version(jar.version)
        return Path(component.artifact().resolve())
    except (requests.RequestException, RuntimeError) as exc:
        raise _failed(folder.parent, exc, jar) from exc


def _failed(home: Path, why: object, jar: Jar | None = None) -> SetupError:
    what = f"{jar.group}:{jar.artifact}:{jar.version}" if jar else "Kafka's jars"
    return SetupError(
        f"{what} could not be downloaded: {why}",
        f"Check the connection to the Maven repository, or copy a complete {home} from a machine that has it, or "
        "name a real Kafka.",
    )


def _is_whole(path: Path, jar: Jar) -> bool:
    return path.is_file() and path.stat().st_size == jar.size


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
