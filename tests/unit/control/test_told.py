"""Tests of `control.told`."""

import asyncio
import os
import signal

import pytest

from control.told import STOP_SIGNALS, run_until_told
from presence.domain.errors import SetupError


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_stop_signal_ends_it_in_order_and_is_no_error(number: signal.Signals) -> None:
    done: list[str] = []

    async def main() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(30)
        finally:
            done.append("tidied up")

    run_until_told(main)

    assert done == ["tidied up"]


def test_what_ends_by_itself_ends() -> None:
    done: list[str] = []

    async def main() -> None:
        done.append("ran")

    run_until_told(main)

    assert done == ["ran"]


def test_an_error_is_an_error() -> None:
    async def main() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        run_until_told(main)


def test_a_second_signal_interrupts_the_tidying() -> None:
    done: list[str] = []

    async def main() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(30)
        finally:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(30)
            finally:
                done.append("at once")

    run_until_told(main)

    assert done == ["at once"]


def test_a_cancellation_from_within_is_not_hidden() -> None:
    async def main() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run_until_told(main)


def test_an_error_of_ours_comes_out_of_any_task_group() -> None:
    """A data directory with another number of partitions was reported as an unexpected ExceptionGroup."""

    async def fail() -> None:
        raise SetupError("wrong", "mend it")

    async def main() -> None:
        async with asyncio.TaskGroup() as outer, asyncio.TaskGroup() as inner:
            inner.create_task(fail())
            outer.create_task(asyncio.sleep(30))

    with pytest.raises(SetupError, match="mend it"):
        run_until_told(main)


def test_somebody_elses_errors_stay_in_their_group() -> None:
    async def fail() -> None:
        raise LookupError

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    with pytest.raises(ExceptionGroup):
        run_until_told(main)
