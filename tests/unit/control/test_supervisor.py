"""Tests of `control.supervisor`, on small processes of our own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from control.supervisor import RestartPolicy, Supervisor, Tier
from tests.support.until import until

SLEEP = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
QUICK = RestartPolicy(first_s=0.01, max_s=0.02, deaths=3)


def test_waits_grow_with_deaths_that_follow_each_other() -> None:
    policy = RestartPolicy(first_s=1, max_s=3, deaths=5, within_s=60)

    assert policy.delay_s([0]) == 1
    assert policy.delay_s([0, 10]) == 2
    assert policy.delay_s([0, 10, 20]) == 3


def test_too_many_deaths_are_the_end() -> None:
    assert RestartPolicy(deaths=3, within_s=60).delay_s([0, 10, 20]) is None


def test_deaths_of_long_ago_do_not_count() -> None:
    assert RestartPolicy(first_s=1, deaths=3, within_s=60).delay_s([0, 10, 100]) == 1


class Told:
    """What the supervisor announced."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, tier: str, what: str) -> None:
        self.lines.append((tier, what))


@asynccontextmanager
async def supervising(told: Told) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(told, QUICK)
    try:
        yield supervisor
    finally:
        await supervisor.stop(within_s=5)


def tier(folder: Path, code: str, name: str = "streams") -> Tier:
    return Tier(name, (sys.executable, "-c", code), folder / f"{name}.log", dict(os.environ))


async def test_a_tier_runs_until_it_is_stopped(tmp_path: Path) -> None:
    async with supervising(Told()) as supervisor:
        one = tier(tmp_path, SLEEP)
        supervisor.start(one)
        await until(lambda: "up" in one.tail())
        pid = supervisor.pids()["streams"]

        await supervisor.stop(within_s=5)

        assert not psutil.pid_exists(pid)
        assert supervisor.pids() == {}


async def test_a_tier_that_dies_is_started_again(tmp_path: Path) -> None:
    told = Told()
    async with supervising(told) as supervisor:
        one = tier(tmp_path, SLEEP)
        supervisor.start(one)
        await until(lambda: "up" in one.tail())
        first = supervisor.pids()["streams"]

        os.kill(first, 9)
        await until(lambda: supervisor.pids().get("streams", first) != first)

    assert told.lines[0][0] == "streams"
    assert "died (signal SIGKILL)" in told.lines[0][1]
    assert str(one.log) in told.lines[0][1]


async def test_a_tier_that_keeps_dying_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    async with supervising(Told()) as supervisor:
        supervisor.start(tier(tmp_path, "import sys; sys.exit('the disk is full')"))

        failure = await asyncio.wait_for(supervisor.failed(), 20)

    assert "the disk is full" in str(failure)
    assert "exit code 1" in str(failure)
    assert failure.tier == "streams"


async def test_a_tier_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    told = Told()
    async with supervising(told) as supervisor:
        one = tier(tmp_path, STUBBORN)
        supervisor.start(one)
        await until(lambda: "up" in one.tail())

        await supervisor.stop(within_s=0.1)

        assert supervisor.pids() == {}
    assert "killed" in told.lines[0][1]


async def test_some_can_be_stopped_before_the_others(tmp_path: Path) -> None:
    async with supervising(Told()) as supervisor:
        both = [tier(tmp_path, SLEEP, name) for name in ("edge-1", "streams")]
        for one in both:
            supervisor.start(one)
        await until(lambda: all("up" in one.tail() for one in both))

        await supervisor.stop(["edge-1"], within_s=5)

        assert set(supervisor.pids()) == {"streams"}


async def test_a_tier_told_to_stop_while_it_waits_is_not_started_again(tmp_path: Path) -> None:
    told = Told()
    supervisor = Supervisor(told, RestartPolicy(first_s=60, max_s=60))
    supervisor.start(tier(tmp_path, "raise SystemExit(3)"))
    await until(lambda: bool(told.lines))

    await supervisor.stop(within_s=5)

    assert supervisor.pids() == {}


async def test_no_tier_outlives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux ends the children of a killed process")
    code = f"""
import asyncio, os, sys
from pathlib import Path
from control.supervisor import Supervisor, Tier

async def main():
    supervisor = Supervisor(lambda *_: None)
    supervisor.start(Tier("t", (sys.executable, "-c", {SLEEP!r}), Path({str(tmp_path / "t.log")!r}), dict(os.environ)))
    while not supervisor.pids():
        await asyncio.sleep(0.01)
    print(supervisor.pids()["t"], flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(await asyncio.wait_for(parent.stdout.readline(), 20))

    parent.kill()
    await parent.wait()

    await until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_a_log_that_is_not_there_says_so(tmp_path: Path) -> None:
    assert "no log" in Tier("t", (), tmp_path / "none.log").tail()
