"""People made of sockets, for end-to-end tests: they come back when cut off and remember what was promised to them.

Written against docs/reference/protocol.md alone, on the plain websockets library, so that they share no code and no
misunderstanding with our own client.
"""

import asyncio
import itertools
import json
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from presence.adapters.jwt.tokens import sign_token

Json = dict[str, Any]

# How soon an actor tries again. Short against any grace in the tests, long against a busy loop.
_RETRY_S = (0.05, 0.3)


def token_for(user: str, secret: str, tenant: str = "acme") -> str:
    """A token as the identity provider of the tests would give it."""
    return sign_token(secret, {"sub": user, "tenant": tenant}, now=int(time.time() * 1000), ttl_s=3600)


class Actor:
    """One device: stays connected to any of ``edges`` and numbers what it says in its meta."""

    def __init__(self, user: str, edges: Sequence[str], secret: str, rooms: Sequence[str] = ()) -> None:
        self.user = user
        self.edges = list(edges)
        self.rooms = list(rooms)
        self.session: str | None = None
        # Numbers whose ack arrived: promises that must be kept.
        self.acked: set[int] = set()
        self.sent = 0
        # While quiet it stays connected and says nothing.
        self.is_quiet = False
        # A cancellation that meets a dying connection in a task group can get lost (CPython 3.11): so say it twice.
        self.has_left = False
        self.errors: list[Json] = []
        self.closes: list[int] = []
        # Monotonic seconds of the welcome of the present connection; None while cut off.
        self.welcomed_at: float | None = None
        self.welcomed = asyncio.Event()
        self._secret = secret
        self._numbers = itertools.count(1)
        self._socket: ClientConnection | None = None

    async def live(self, every_s: float, rng: random.Random) -> None:
        """Be present until cancelled; say something every ``every_s`` seconds."""
        while not self.has_left:
            with suppress(OSError, InvalidHandshake, ConnectionClosed, TimeoutError):
                await self._one_connection(every_s, rng)
            self.welcomed_at = None
            self.welcomed.clear()
            await asyncio.sleep(rng.uniform(*_RETRY_S))

    async def goodbye(self) -> None:
        """Leave at once and wait for the promise."""
        assert self._socket is not None
        with suppress(ConnectionClosed):
            await self._socket.send(json.dumps({"t": "goodbye", "id": "bye"}))
            await self._socket.wait_closed()

    def vanish(self) -> None:
        """Cut the connection without a word."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def _one_connection(self, every_s: float, rng: random.Random) -> None:
        url = rng.choice(self.edges)
        async with connect(url, subprotocols=["presence.v1"], compression=None, open_timeout=5) as socket:  # type: ignore[list-item]
            self._socket = socket
            try:
                await self._hello(socket)
                async with asyncio.TaskGroup() as tasks:
                    reader = tasks.create_task(self._read(socket))
                    writer = tasks.create_task(self._write(socket, every_s, rng))
                    reader.add_done_callback(lambda _: writer.cancel())
            except* (ConnectionClosed, TimeoutError):
                pass
            finally:
                self._socket = None
                if socket.close_code is not None:
                    self.closes.append(socket.close_code)

    async def _hello(self, socket: ClientConnection) -> None:
        hello: Json = {
            "t": "hello",
            "token": token_for(self.user, self._secret),
            "device": "actor",
            "rooms": self.rooms,
        }
        if self.session is not None:
            hello["session"] = self.session
        await socket.send(json.dumps(hello))
        async with asyncio.timeout(10):
            while True:
                frame = json.loads(await socket.recv())
                if frame["t"] == "welcome":
                    break
                self.errors.append(frame)
        self.session = frame["session"]
        self.welcomed_at = time.monotonic()
        self.welcomed.set()

    async def _read(self, socket: ClientConnection) -> None:
        async for text in socket:
            frame = json.loads(text)
            if frame["t"] == "ack" and str(frame["id"]).isdigit():
                self.acked.add(int(frame["id"]))
            elif frame["t"] == "error":
                self.errors.append(frame)

    async def _write(self, socket: ClientConnection, every_s: float, rng: random.Random) -> None:
        while True:
            await asyncio.sleep(every_s * rng.uniform(0.5, 1.5))
            if self.is_quiet:
                continue
            number = next(self._numbers)
            await socket.send(json.dumps({"t": "meta", "id": str(number), "meta": {"n": number, "of": self.user}}))
            self.sent = number


class Witness:
    """A watcher of users: merges snapshots and diffs as the protocol page says, and keeps every leave it was shown."""

    def __init__(self, name: str, edge: str, secret: str, users: Sequence[str]) -> None:
        self.name = name
        self.edge = edge
        self.users = list(users)
        self.state: dict[str, Json] = {}
        self.leaves: list[tuple[float, str]] = []
        self.resets = 0
        self.synced = asyncio.Event()
        self._secret = secret
        self._position: Json | None = None

    async def watch(self) -> None:
        """Follow until cancelled; come back by position when cut off."""
        while True:
            with suppress(OSError, InvalidHandshake, ConnectionClosed, TimeoutError):
                async with connect(self.edge, subprotocols=["presence.v1"], compression=None, open_timeout=5) as socket:  # type: ignore[list-item]
                    await socket.send(json.dumps({"t": "hello", "token": token_for(self.name, self._secret)}))
                    async for text in socket:
                        await self._handle(json.loads(text), socket)
            self.synced.clear()
            await asyncio.sleep(0.1)

    async def _handle(self, frame: Json, socket: ClientConnection) -> None:
        match frame["t"]:
            case "welcome":
                ask: Json = {"t": "watch", "users": self.users}
                if self._position is not None:
                    ask |= {"t": "resume", "position": self._position}
                await socket.send(json.dumps(ask))
            case "snapshot":
                self._reset(frame)
                self.synced.set()
            case "resumed":
                self._position = frame["position"]
                self._merge(frame.get("users", {}))
                self.synced.set()
            case "diff":
                assert self._position is not None
                self._position["offsets"] |= frame["position"]
                self._merge(frame.get("users", {}))

    def _reset(self, frame: Json) -> None:
        self.resets += bool(frame.get("reset"))
        self._position = frame["position"]
        present = {user: seen for user, seen in frame["users"].items() if seen["status"] != "offline"}
        self.leaves += [(time.monotonic(), user) for user in self.state if user not in present]
        self.state = present

    def _merge(self, changes: Json) -> None:
        self.state |= changes.get("joins", {}) | changes.get("updates", {})
        for user in changes.get("leaves", {}):
            self.state.pop(user, None)
            self.leaves.append((time.monotonic(), user))
