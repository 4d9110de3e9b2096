"""The public cannot tell who is invisible from who is offline, not even by when a frame comes.

Two worlds run the same script. In one, users are as they are; in the other, the feed itself says "offline" wherever
they are invisible. Watchers of the public get the same frames at the same moments.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from presence.domain.ids import RoomId, UserId, UserKey
from presence.domain.state import UserPresence
from presence.domain.status import Status
from presence.domain.views import Audience
from presence.wire.frames import ServerFrame
from tests.support.busy_tenants import KEYS, ROOMS, TENANTS, USERS, Worker, deeds, keys, room_sets, user_sets
from tests.support.watching import Client, Feed, QuietEdge


class CensoredFeed(Feed):
    """A feed in which who is invisible is offline."""

    def publish(self, partition: int, key: UserKey, row: UserPresence | None, hole: int = 0) -> int:
        """Append a row, or what the public may know of it."""
        if row is not None and not row.status.is_visible:
            row = replace(row, status=Status.OFFLINE, sessions={}, overrides={})
        return super().publish(partition, key, row, hole)


class World:
    """A worker, an edge and two watchers of the public, one of whom may be slow."""

    def __init__(self, feed: Feed) -> None:
        self.worker = Worker(feed)
        for key in KEYS:
            self.worker.do(key, "open", 0, ROOMS[0])
            self.worker.do(key, "join", 0, ROOMS[0])
        self.edge = QuietEdge(feed)
        self.clients = [Client(TENANTS[0], Audience.PUBLIC, self.edge) for _ in range(2)]
        for client in self.clients:
            client.watch(USERS, ROOMS)

    def act(self, key: UserKey, deed: str, session: int, room: RoomId) -> None:
        """A user does something, and the edge hears of it."""
        self.worker.do(key, deed, session, room)
        self.edge.read_all()

    def tick(self) -> None:
        """An interval is over."""
        self.edge.hub.tick()

    def watch(self, who: int, users: set[UserId], rooms: set[RoomId]) -> None:
        """A client watches again."""
        self.clients[who].watch(users, rooms)

    def slow_down_or_catch_up(self, who: int) -> None:
        """A client reads more slowly, or as fast as before."""
        client = self.clients[who]
        (self.edge.hub.catch_up if client.is_slow else self.edge.hub.slow_down)(client.subscriber)

    def cut_and_resume(self, who: int) -> None:
        """A connection breaks, and its client comes back."""
        self.clients[who].cut()
        self.clients[who].resume(self.edge)

    def heard(self) -> list[list[ServerFrame]]:
        """Everything that came since this was asked last."""
        return [client.take() for client in self.clients]


_one = st.integers(0, 1)
_KINDS: tuple[tuple[Callable[..., None], tuple[st.SearchStrategy[Any], ...]], ...] = (
    (World.act, (keys, deeds, _one, st.sampled_from(ROOMS))),
    (World.act, (keys, st.sampled_from(("hide", "clear", "join", "leave", "meta")), _one, st.sampled_from(ROOMS))),
    (World.act, (keys, st.just("hide"), _one, st.sampled_from(ROOMS))),
    (World.tick, ()),
    (World.watch, (_one, user_sets, room_sets)),
    (World.slow_down_or_catch_up, (_one,)),
    (World.cut_and_resume, (_one,)),
)
_steps = st.lists(
    st.one_of(*(st.tuples(st.just(kind), st.tuples(*arguments)) for kind, arguments in _KINDS)),
    min_size=20,
    max_size=60,
)


@given(_steps)
def test_the_public_gets_the_same_frames_whether_somebody_is_invisible_or_offline(
    steps: list[tuple[Callable[..., None], tuple[Any, ...]]],
) -> None:
    as_it_is, censored = World(Feed()), World(CensoredFeed())
    assert as_it_is.heard() == censored.heard()

    for step, arguments in steps:
        step(as_it_is, *arguments)
        step(censored, *arguments)

        assert as_it_is.heard() == censored.heard()
