"""Run the servers in the foreground until Ctrl-C: ``python -m control.devstack --data-dir DIR``.

With ``--json`` the addresses are printed as one line of JSON once all answer, and the end of standard input stops
the servers too, so that a program which starts this one cannot leave it behind.
"""

import argparse
import asyncio
import dataclasses
import json
import os
import signal
import sys
import threading
from pathlib import Path

from control.devstack.config import DevStackConfig
from control.devstack.progress import LineProgress
from control.devstack.server import ServerDied
from control.devstack.stack import DevStack
from presence.domain.errors import SetupError


def main() -> int:
    """Run until told to stop; return the exit code."""
    arguments = _parser().parse_args()
    names = {field.name for field in dataclasses.fields(DevStackConfig)}
    config = DevStackConfig(**{name: value for name, value in vars(arguments).items() if name in names})
    try:
        died = asyncio.run(_serve(config, as_json=arguments.as_json))
    except SetupError as exc:
        print(exc, file=sys.stderr)  # noqa: T201 - a command talks on its standard streams
        return 2
    if died:
        print(died, file=sys.stderr)  # noqa: T201 - as above
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m control.devstack", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--cache-dir", type=Path)
    parser.add_argument("--kafka", help="host:port of a real Kafka")
    parser.add_argument("--postgres", help="postgresql:// address of a real database")
    parser.add_argument("--valkey", help="redis:// address of a real Valkey or Redis")
    parser.add_argument("--kafka-port", type=int)
    parser.add_argument("--postgres-port", type=int)
    parser.add_argument("--valkey-port", type=int)
    parser.add_argument("--json", dest="as_json", action="store_true", help="print addresses as JSON, end with stdin")
    return parser


async def _serve(config: DevStackConfig, *, as_json: bool) -> ServerDied | None:
    """Return the death that ended it, or None if it was told to stop, even while starting."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, told.set)
    if as_json:
        threading.Thread(target=_await_end_of_input, args=(loop, told), daemon=True).start()
    running = asyncio.create_task(_run(config, as_json=as_json))
    stopping = asyncio.create_task(told.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    stopping.cancel()
    await asyncio.wait({running, stopping})
    return None if running.cancelled() else running.result()


async def _run(config: DevStackConfig, *, as_json: bool) -> ServerDied:
    async with DevStack(config, LineProgress()) as stack:
        addresses = dataclasses.asdict(stack.addresses)
        lines = [json.dumps(addresses)] if as_json else [f"{name:9}{where}" for name, where in addresses.items()]
        print(*lines, sep="\n", flush=True)  # noqa: T201 - a command talks on its standard streams
        return await stack.watch()


def _await_end_of_input(loop: asyncio.AbstractEventLoop, told: asyncio.Event) -> None:
    # A thread, because a loop can wait for pipes and terminals but not for files.
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(told.set)


if __name__ == "__main__":
    sys.exit(main())
