"""A server's process: started, watched, stopped, killed, frozen. The server here is a few lines of Python."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from control.devstack.process import Command
from control.devstack.server import EmbeddedServer, ServerDied
from presence.domain.errors import SetupError

pytestmark = pytest.mark.slow

SERVES = "import pathlib, sys, time; pathlib.Path('up').touch(); print('here I am', flush=True)\nwhile 1: time.sleep(9)"
IS_STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVES
HAS_A_CHILD = (
    "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'], "
    "start_new_session=True)\n" + SERVES
)
FAILS = "raise SystemExit('the disk is on fire')"


class ProgramRecipe:
    """Runs a Python program that makes the file ``up`` once it serves."""

    name = "program"

    def __init__(self, program: str, folder: Path) -> None:
        self.program = program
        self.folder = folder

    async def prepare(self) -> None:
        (self.folder / "up").unlink(missing_ok=True)

    def command(self) -> Command:
        return Command((sys.executable, "-c", self.program, "marked"), "marked", self.folder)

    async def ask(self) -> None:
        (self.folder / "up").stat()


Factory = Callable[[str], EmbeddedServer]


@pytest.fixture
async def server_of(tmp_path: Path, deaths: list[ServerDied]) -> AsyncIterator[Factory]:
    made: list[EmbeddedServer] = []

    def make(program: str, start_timeout_s: float = 10) -> EmbeddedServer:
        made.append(
            EmbeddedServer(
                ProgramRecipe(program, tmp_path),
                tmp_path / "program.log",
                start_timeout_s=start_timeout_s,
                stop_timeout_s=0.3 if program == IS_STUBBORN else 10,
                on_death=deaths.append,
            )
        )
        return made[-1]

    yield make
    for server in made:
        await server.kill()


@pytest.fixture
def deaths() -> list[ServerDied]:
    return []


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the state of another process, which sets no event
            await asyncio.sleep(0.01)


async def test_a_started_server_runs_in_a_session_of_its_own(server_of: Factory) -> None:
    server = server_of(SERVES)

    await server.start()

    assert server.pid is not None
    assert os.getsid(server.pid) == server.pid != os.getsid(0)
    assert "here I am" in server.log_tail()


async def test_it_stops_when_asked_and_that_is_no_death(server_of: Factory, deaths: list[ServerDied]) -> None:
    server = server_of(SERVES)
    await server.start()

    await server.stop()

    assert await server.wait_exit() == -signal.SIGTERM
    assert server.pid is None
    assert deaths == []


async def test_one_that_does_not_stop_is_killed(server_of: Factory) -> None:
    server = server_of(IS_STUBBORN)
    await server.start()

    await server.stop()

    assert await server.wait_exit() == -signal.SIGKILL


async def test_a_frozen_one_stops_as_well(server_of: Factory) -> None:
    server = server_of(SERVES)
    await server.start()
    server.suspend()

    await server.stop()

    assert await server.wait_exit() == -signal.SIGTERM


async def test_freezing_and_going_on_reach_its_children(server_of: Factory) -> None:
    server = server_of(HAS_A_CHILD)
    await server.start()
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]
    assert len(family) == 2

    server.suspend()
    await until(lambda: all(process.status() == psutil.STATUS_STOPPED for process in family))
    server.resume()

    await until(lambda: all(process.status() != psutil.STATUS_STOPPED for process in family))


async def test_killing_ends_its_children_too(server_of: Factory, deaths: list[ServerDied]) -> None:
    server = server_of(HAS_A_CHILD)
    await server.start()
    children = psutil.Process(server.pid).children()

    await server.kill()

    assert children
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
    assert deaths == []


async def test_it_lives_again_after_a_kill(server_of: Factory) -> None:
    server = server_of(SERVES)
    await server.start()
    first = server.pid
    await server.kill()

    await server.start()

    assert server.pid not in (first, None)


async def test_an_unexpected_end_is_told_with_its_last_words(server_of: Factory, deaths: list[ServerDied]) -> None:
    server = server_of(SERVES)
    await server.start()
    assert server.pid is not None

    os.kill(server.pid, signal.SIGKILL)
    await server.wait_exit()

    [died] = deaths
    assert died.exit_code == -signal.SIGKILL
    assert "here I am" in str(died)
    assert "signal 9" in str(died)


async def test_a_start_that_fails_is_told_with_its_last_words(server_of: Factory) -> None:
    with pytest.raises(SetupError, match="the disk is on fire"):
        await server_of(FAILS).start()


async def test_a_start_that_takes_too_long_leaves_nothing_running(tmp_path: Path) -> None:
    server = EmbeddedServer(
        ProgramRecipe("import time; time.sleep(99)", tmp_path),
        tmp_path / "log",
        start_timeout_s=0.2,
        stop_timeout_s=5,
    )

    with pytest.raises(SetupError, match=r"did not answer within 0\.2 s"):
        await server.start()

    assert server.pid is None


async def test_a_program_that_is_not_there_is_told(server_of: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    server = server_of(SERVES)
    missing = Command(("/no/such/program",), "x", Path("/"))
    monkeypatch.setattr(server.recipe, "command", lambda: missing)

    with pytest.raises(SetupError, match="/no/such/program cannot be run"):
        await server.start()


async def test_ignored_signals_of_ours_are_not_ignored_by_the_server(server_of: Factory) -> None:
    """A shell starts background jobs with SIGINT ignored, and PostgreSQL is stopped by SIGINT."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = server_of(SERVES)
    try:
        await server.start()
    finally:
        signal.signal(signal.SIGINT, before)

    assert server.pid is not None
    os.kill(server.pid, signal.SIGINT)
    assert await server.wait_exit() == -signal.SIGINT
