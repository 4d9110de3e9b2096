"""The jar cache: offline when whole, genuine or nothing, no half files."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from control.devstack.jars import ATTEMPTS, DownloadStopped, Jar, JarCache, fetch_with_jgo, kafka_version, read_lock
from control.devstack.progress import NoProgress
from presence.domain.errors import SetupError


def jar(artifact: str, content: bytes, group: str = "org.example") -> Jar:
    return Jar(group, artifact, "1.0", len(content), hashlib.sha256(content).hexdigest())


CONTENTS = {"kafka_2.13": b"the broker", "log4j": b"the log"}
JARS = (jar("kafka_2.13", CONTENTS["kafka_2.13"], "org.apache.kafka"), jar("log4j", CONTENTS["log4j"]))


class Repository:
    """A Maven repository that remembers what was asked, and can fail or lie."""

    def __init__(self, failures: int = 0, contents: dict[str, bytes] | None = None) -> None:
        self.asked: list[str] = []
        self._failures = failures
        self._contents = contents or CONTENTS

    def fetch(self, jar: Jar, folder: Path, arrived: Callable[[int], None]) -> Path:
        self.asked.append(jar.artifact)
        if self._failures:
            self._failures -= 1
            raise SetupError("no connection", "wait")
        folder.mkdir(parents=True)
        content = self._contents[jar.artifact]
        (folder / jar.filename).write_bytes(content)
        arrived(len(content))
        return folder / jar.filename


class Downloads(NoProgress):
    """Remembers how far downloads came."""

    def __init__(self) -> None:
        self.done: list[tuple[int, int]] = []

    def download(self, name: str, done_bytes: int, total_bytes: int) -> None:
        self.done.append((done_bytes, total_bytes))


@pytest.fixture
def cache(tmp_path: Path) -> JarCache:
    return JarCache(tmp_path, JARS)


def ensure(cache: JarCache, repository: Repository) -> tuple[Path, ...]:
    return cache.ensure(NoProgress(), threading.Event(), repository.fetch)


def test_the_first_time_everything_is_downloaded(cache: JarCache) -> None:
    paths = ensure(cache, Repository())

    assert [path.read_bytes() for path in paths] == [CONTENTS["kafka_2.13"], CONTENTS["log4j"]]


def test_a_whole_cache_needs_no_network(cache: JarCache) -> None:
    first = ensure(cache, Repository())
    unused = Repository()

    assert ensure(cache, unused) == first == cache.classpath()
    assert unused.asked == []


def test_only_what_is_missing_or_truncated_is_downloaded(cache: JarCache) -> None:
    ensure(cache, Repository())[1].write_bytes(b"the l")
    repository = Repository()

    ensure(cache, repository)

    assert repository.asked == ["log4j"]
    assert cache.classpath() is not None


def test_a_failure_is_tried_again(cache: JarCache) -> None:
    assert ensure(cache, Repository(failures=ATTEMPTS - 1))


def test_a_repository_that_is_away_is_told_and_nothing_half_is_left(cache: JarCache) -> None:
    with pytest.raises(SetupError, match="no connection"):
        ensure(cache, Repository(failures=1_000))

    assert cache.classpath() is None
    assert sorted(path.name for path in cache.home.iterdir()) == ["jars", "lock"]


def test_a_file_that_is_not_the_pinned_one_is_refused(cache: JarCache) -> None:
    with pytest.raises(SetupError, match="SHA-256"):
        ensure(cache, Repository(contents={**CONTENTS, "log4j": b"evil!!!"}))

    assert not (cache.home / "jars" / "log4j-1.0.jar").exists()


def test_a_download_can_be_given_up(cache: JarCache) -> None:
    stop = threading.Event()
    stop.set()

    with pytest.raises(DownloadStopped):
        cache.ensure(NoProgress(), stop, Repository().fetch)


def test_progress_reaches_the_total(cache: JarCache) -> None:
    progress = Downloads()

    cache.ensure(progress, threading.Event(), Repository().fetch)

    total = sum(map(len, CONTENTS.values()))
    assert progress.done[-1] == (total, total)


def test_leftovers_of_a_killed_download_are_removed(cache: JarCache) -> None:
    (cache.home / "download-abc").mkdir(parents=True)

    ensure(cache, Repository())

    assert not (cache.home / "download-abc").exists()


def test_a_missing_connection_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    with pytest.raises(SetupError, match=r"org\.apache\.kafka:kafka_2\.13:1\.0 could not be downloaded"):
        fetch_with_jgo(JARS[0], tmp_path, lambda _count: None)


def test_the_lock_pins_one_kafka_with_a_log_binding() -> None:
    jars = read_lock()

    assert kafka_version(jars).startswith("4.")
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {kafka_version(jars)}
    assert len({version.version for version in jars if version.artifact.startswith("log4j-")}) == 1
    assert "log4j-slf4j-impl" in {jar.artifact for jar in jars}
    assert len({jar.filename for jar in jars}) == len(jars)
