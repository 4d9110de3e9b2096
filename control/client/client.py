"""A presence client that stays connected: comes back by itself, resumes exactly, keeps the picture it watches."""

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Any

from control.client.backoff import ABNORMAL, STATE_GAP, Backoff, may_return
from control.client.connection import Answer, Connection, open_connection
from control.client.errors import ClosedForGood, EdgeUnavailable, Refused
from control.client.news import Identity, LinkChanged, LinkState, Listener, News, TokenSource
from control.client.store import LocalStore
from presence.domain.status import Activity, Status
from presence.wire.frames import (
    ClientFrame,
    Diff,
    Feed,
    Hello,
    Join,
    Leave,
    Resume,
    Resumed,
    SayActivity,
    SayMeta,
    ServerFrame,
    SetStatus,
    Snapshot,
    Unwatch,
    Watch,
)

STABLE_S = 5.0
"""A connection that lived so long was a good one: the next wait starts small again."""


class PresenceClient:
    """One device of one user. Made by `online`; its methods may be called from any task of the loop."""

    def __init__(
        self,
        url: str,
        token: TokenSource,
        identity: Identity,
        listener: Listener,
        backoff: Backoff,
        rng: random.Random,
    ) -> None:
        self.store = LocalStore()
        self.session: str | None = None
        """The session to come back to; None before the first welcome."""
        self.rooms = set(identity.rooms)
        """The rooms this session is in, as far as acknowledged; announced anew at each hello."""
        self._url = url
        self._token = token
        self._device = identity.device
        self._meta = identity.meta
        self._activity = identity.activity
        self._listener = listener
        self._backoff = backoff
        self._rng = rng
        self._users: set[str] = set()
        self._watched_rooms: set[str] = set()
        self._connection: Connection | None = None
        self._changed = asyncio.Condition()
        self._failure: ClosedForGood | Refused | None = None
        self._notices: set[asyncio.Task[None]] = set()
        self._is_leaving = False
        self._away_ms = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the client stopped by itself: with the error that made it, or after a goodbye."""

    # --- what a user does -------------------------------------------------------------------------------------

    async def join(self, room: str) -> None:
        """Enter a room. Raises `Refused` or `EdgeUnavailable`, as all below."""
        await self._request(Join(room))
        self.rooms.add(room)

    async def leave(self, room: str) -> None:
        """Leave a room."""
        await self._request(Leave(room))
        self.rooms.discard(room)

    async def say_activity(self, activity: Activity) -> None:
        """Say what the device's holder does."""
        await self._request(SayActivity(activity))
        self._activity = activity

    async def say_meta(self, meta: dict[str, Any]) -> None:
        """Replace what the session says about itself."""
        await self._request(SayMeta(meta))
        self._meta = meta

    async def set_status(self, status: Status | None, note: str = "", for_ms: int | None = None) -> None:
        """Fix the own status; None takes it back."""
        await self._request(SetStatus(status, note=note, for_ms=for_ms))

    async def goodbye(self, within_s: float = 5.0) -> None:
        """End the session now, without grace; `online` may be left afterwards.

        Raises:
            EdgeUnavailable: the edge did not confirm in time; the session then lives through its grace.
        """
        self._is_leaving = True
        self.session = None
        if self._connection is None:
            return
        try:
            async with asyncio.timeout(within_s):
                await self._connection.goodbye()
        except TimeoutError as exc:
            raise EdgeUnavailable(self._url, f"goodbye not confirmed within {within_s:g} s") from exc

    # --- what a watcher does ----------------------------------------------------------------------------------

    async def watch(self, users: Iterable[str] = (), rooms: Iterable[str] = ()) -> Snapshot:
        """Follow users and rooms from now on, over all reconnections; `store` has them when this returns."""
        frame = Watch(users=sorted(users), rooms=sorted(rooms))
        answer = await self._request(frame)
        if not isinstance(answer, Snapshot):
            raise ClosedForGood(1002, "watch was not answered by a snapshot")
        self._users.update(frame.users)
        self._watched_rooms.update(frame.rooms)
        return answer

    async def unwatch(self, users: Iterable[str] = (), rooms: Iterable[str] = ()) -> None:
        """Follow no longer."""
        frame = Unwatch(users=sorted(users), rooms=sorted(rooms))
        await self._request(frame)
        self._users.difference_update(frame.users)
        self._watched_rooms.difference_update(frame.rooms)
        self.store.forget(frame.users, frame.rooms)

    async def wait_until(self, holds: Callable[[LocalStore], bool], within_s: float) -> None:
        """Wait until the store satisfies a condition. Raises ``TimeoutError``."""
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(lambda: holds(self.store))

    @property
    def is_connected(self) -> bool:
        """Whether there is a welcomed connection now."""
        return self._connection is not None

    async def wait_connected(self, within_s: float) -> None:
        """Wait for a welcomed connection.

        Raises:
            EdgeUnavailable: none came about in time.
            ClosedForGood: the edge wants nothing to do with this client.
            Refused: the hello was refused.
        """
        try:
            async with asyncio.timeout(within_s), self._changed:
                await self._changed.wait_for(lambda: self._connection is not None or self._failure is not None)
        except TimeoutError as exc:
            raise EdgeUnavailable(self._url, f"not connected within {within_s:g} s") from exc
        if self._failure is not None:
            raise self._failure

    # --- what a bad network does (tests and the demo) ----------------------------------------------------------

    def drop(self, away_ms: int = 0) -> None:
        """Cut the TCP connection without a word, and come back to the session, not before ``away_ms``."""
        self._away_ms = away_ms
        if self._connection is not None:
            self._connection.abort()

    # --- the loop -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Stay connected until cancelled, said goodbye, or told never to come back (`ClosedForGood`, `Refused`)."""
        attempt = 0
        clock = asyncio.get_running_loop().time
        while not self._is_leaving:
            began = clock()
            try:
                code, hint_ms, reason = await self._live()
                # An edge that welcomes and throws out at once must not be asked in a tight loop.
                attempt = 0 if clock() - began > STABLE_S else attempt
            except EdgeUnavailable as exc:
                code, hint_ms, reason = ABNORMAL, None, exc.detail
            except ClosedForGood as exc:
                self._fail(exc)
                raise
            except Refused as exc:
                if not exc.retry:
                    self._fail(exc)
                    raise
                code, hint_ms, reason = ABNORMAL, None, str(exc)
            if self._is_leaving:
                return
            if not may_return(code):
                failure = ClosedForGood(code, reason)
                self._fail(failure)
                raise failure
            if code == STATE_GAP:
                self.store.void_position()
            delay_ms = max(self._away_ms, self._backoff.delay_ms(attempt, code, hint_ms, self._rng.random))
            self._away_ms = 0
            attempt += 1
            self._tell(LinkChanged(LinkState.LOST, code, reason, round(delay_ms)))
            await asyncio.sleep(delay_ms / 1000)

    async def _live(self) -> tuple[int, int | None, str]:
        """Live through one connection; return how it ended."""
        hello = Hello(
            self._token(),
            device=self._device,
            session=self.session,
            rooms=sorted(self.rooms),
            meta=self._meta,
            activity=self._activity,
        )
        async with open_connection(self._url, hello, self._receive) as (connection, welcome):
            self._device = welcome.device
            self.session = welcome.session
            await self._catch_up(connection)
            self._connection = connection
            self._tell(LinkChanged(LinkState.CONNECTED, session=welcome.session, resumed=welcome.resumed))
            try:
                await connection.wait_closed()
            finally:
                self._connection = None
        return connection.close_code, connection.retry_after_ms, connection.close_reason

    async def _catch_up(self, connection: Connection) -> None:
        if not self._users and not self._watched_rooms:
            return
        users, rooms = sorted(self._users), sorted(self._watched_rooms)
        position = self.store.position
        if position is None:
            await connection.request(Watch(users=users, rooms=rooms))
        else:
            await connection.request(Resume(position, users=users, rooms=rooms))

    async def _request(self, frame: ClientFrame) -> Answer:
        connection = self._connection
        if connection is None:
            raise EdgeUnavailable(self._url, "not connected at the moment")
        return await connection.request(frame)

    def _receive(self, frame: ServerFrame) -> None:
        match frame:
            case Snapshot():
                self.store.take_snapshot(frame)
                self._tell(frame)
            case Diff() | Resumed():
                for seen in self.store.merge(frame):
                    self._tell(seen)
                self._wake()
            case Feed():
                self.store.stale = frame.stale
                self._tell(frame)
            case _:
                pass  # answers are the connection's business

    def _tell(self, news: News) -> None:
        self._listener(news)
        self._wake()

    def _fail(self, failure: ClosedForGood | Refused) -> None:
        self._failure = failure
        self._wake()

    def _wake(self) -> None:
        # One task wakes all waiters of any number of frames that came meanwhile.
        if not self._notices:
            task = asyncio.get_running_loop().create_task(self._notify())
            self._notices.add(task)
            task.add_done_callback(self._notices.discard)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
