"""Live a plan: each device of each user is a client with a socket of its own."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from control.client.backoff import Backoff
from control.client.client import PresenceClient
from control.client.news import Identity, LinkChanged, LinkState, News, TokenSource
from control.client.online import online
from control.demo.plan import Action, Connect, Crash, Declare, Do, Drop, Enter, Exit, SayGoodbye, Step
from presence.domain.errors import PresenceError

TokenOf = Callable[[str], TokenSource]

QUEUED_STEPS = 16
"""Steps that may wait for one device; while its network is down more are skipped, as nobody could have done them."""

GOODBYE_S = 10.0
"""How long the farewell of everybody may take."""


@dataclass(slots=True)
class Tally:
    """What happened so far."""

    online: int = 0
    """Devices with a welcomed connection now."""
    steps: int = 0
    connections: int = 0
    resumed: int = 0
    lost: int = 0
    refused: int = 0
    skipped: int = 0
    last_trouble: str = ""

    def line(self, seconds: float) -> str:
        """One line for people."""
        parts = (
            f"{seconds:6.0f} s",
            f"{self.online} devices online",
            f"{self.steps} steps",
            f"{self.connections} connections ({self.resumed} resumed, {self.lost} lost)",
        )
        trouble = f"{self.refused} refused, {self.skipped} skipped" if self.refused or self.skipped else ""
        return " · ".join((*parts, trouble) if trouble else parts)


class Demo:
    """Runs steps. Made by `running_demo`."""

    def __init__(self, url: str, token_of: TokenOf, group: asyncio.TaskGroup) -> None:
        self.tally = Tally()
        self._url = url
        self._token_of = token_of
        self._group = group
        self._devices: dict[tuple[str, str], _Device] = {}

    async def live(self, steps: Iterator[Step]) -> None:
        """Do each step at its time, until the steps end or this is cancelled."""
        clock = asyncio.get_running_loop().time
        began = clock()
        for step in steps:
            wait_s = began + step.at_ms / 1000 - clock()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self._device(step).offer(step.action)

    async def say_goodbye(self) -> None:
        """Let everybody leave on purpose."""
        for device in self._devices.values():
            device.leave()
        tasks = [device.task for device in self._devices.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=GOODBYE_S)
        for task in tasks:
            task.cancel()

    def _device(self, step: Step) -> "_Device":
        key = (step.user, step.device)
        if key not in self._devices:
            self._devices[key] = _Device(self._url, step, self._token_of(step.user), self.tally, self._group)
        return self._devices[key]


@asynccontextmanager
async def running_demo(url: str, token_of: TokenOf) -> AsyncIterator[Demo]:
    """Yield a demo to `Demo.live` in; everybody says goodbye at the end, however it ends."""
    async with asyncio.TaskGroup() as group:
        demo = Demo(url, token_of, group)
        try:
            yield demo
        finally:
            await demo.say_goodbye()


class _Device:
    """One device: does its steps one after the other."""

    def __init__(self, url: str, first: Step, token: TokenSource, tally: Tally, group: asyncio.TaskGroup) -> None:
        self._url = url
        self._name = first.device
        self._token = token
        self._tally = tally
        self._is_online = False
        # Chance of its own, so that the pauses before reconnecting do not depend on who else lives.
        self._rng = random.Random(f"{first.user}/{first.device}")  # noqa: S311 - jitter
        self._actions: asyncio.Queue[Action | None] = asyncio.Queue(QUEUED_STEPS)
        self.task = group.create_task(self._run(), name=f"device {first.user}/{first.device}")

    def offer(self, action: Action) -> None:
        """Do it when everything before it is done."""
        try:
            self._actions.put_nowait(action)
        except asyncio.QueueFull:
            self._tally.skipped += 1

    def leave(self) -> None:
        """Forget what was to be done, and say goodbye."""
        while not self._actions.empty():
            self._actions.get_nowait()
        self._actions.put_nowait(None)

    async def _run(self) -> None:
        while (action := await self._actions.get()) is not None:
            if not isinstance(action, Connect):
                self._tally.skipped += 1  # the device is off: an earlier connection failed for good
                continue
            try:
                if await self._be_online(action):
                    return
            except PresenceError as exc:
                self._refused(exc)
            finally:
                self._note_online(False)

    async def _be_online(self, start: Connect) -> bool:
        """Live through one session; return whether the demo is over."""
        identity = Identity(self._name, start.rooms)
        backoff = Backoff(first_ms=200)
        async with online(self._url, self._token, identity, self._hear, backoff, self._rng) as client:
            while True:
                action = await self._actions.get()
                match action:
                    case None | SayGoodbye():
                        with suppress(PresenceError):
                            await client.goodbye()
                        return action is None
                    case Crash():
                        client.drop()
                        return False
                    case _:
                        await self._do(client, action)

    async def _do(self, client: PresenceClient, action: Action) -> None:
        try:
            match action:
                case Drop(away_ms):
                    client.drop(away_ms)
                case Enter(room):
                    await client.join(room)
                case Exit(room):
                    await client.leave(room)
                case Do(activity):
                    await client.say_activity(activity)
                case Declare(status, note, for_ms):
                    await client.set_status(status, note, for_ms)
                case _:
                    pass  # connected already
            self._tally.steps += 1
        except PresenceError as exc:
            if client.is_connected:
                self._refused(exc)
            else:
                self._tally.skipped += 1  # its network is down, and it knows

    def _hear(self, news: News) -> None:
        if not isinstance(news, LinkChanged):
            return
        if news.state is LinkState.CONNECTED:
            self._tally.connections += 1
            self._tally.resumed += news.resumed
            self._note_online(True)
        else:
            self._tally.lost += 1
            self._note_online(False)

    def _note_online(self, is_online: bool) -> None:
        self._tally.online += is_online - self._is_online
        self._is_online = is_online

    def _refused(self, error: PresenceError) -> None:
        self._tally.refused += 1
        self._tally.last_trouble = str(error)
