"""Run a coroutine until it ends or the process is told to stop by SIGINT, SIGTERM or SIGHUP."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from presence.domain.errors import PresenceError

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_until_told(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run ``main()`` on uvloop. A stop signal cancels it, each further one again; being told to stop is no error.

    An error of ours that a task group wrapped is raised as it is.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(main))


async def _until_told(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(main())
    was_told = False

    def tell() -> None:
        nonlocal was_told
        was_told = True
        task.cancel()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, tell)
    try:
        await task
    except asyncio.CancelledError:
        if not was_told:
            raise
    except BaseExceptionGroup as group:
        ours = group.subgroup(PresenceError)
        if ours is None:
            raise
        raise _first(ours) from group
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
