"""Whatever happens, and wherever a connection is cut, a client ends up knowing what is so, and nothing else.

Two edges read the same feed at different speeds; clients watch, are slow, lose frames, come back here or there. Rooms
of more than one are in interval mode, journals are short, and the worker repeats rows and writes old ones late.
Scripts, not a state machine: hypothesis' machines take few steps each, and what can go wrong here takes many.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from presence.domain.ids import RoomId, TenantId, UserId, UserKey
from presence.domain.views import Audience
from tests.support.busy_tenants import KEYS, ROOMS, TENANTS, USERS, Worker, deeds, keys, room_sets, tenants, user_sets
from tests.support.watching import Client, Feed, QuietEdge, copy_of, expected_rooms, expected_users

Step = tuple[Callable[..., None], tuple[Any, ...]]

_MAX_CLIENTS = 4


class World:
    """A worker, two edges and their clients."""

    def __init__(self, absent: set[UserKey]) -> None:
        self.feed = Feed()
        self.worker = Worker(self.feed)
        # Most users are there and most clients watch everything: an empty world has nothing to get wrong.
        for key in KEYS:
            if key not in absent:
                self.worker.do(key, "open", 0, ROOMS[0])
                self.worker.do(key, "join", 0, ROOMS[0])
        self.edges = [QuietEdge(self.feed), QuietEdge(self.feed)]
        self.clients: list[Client] = []
        for tenant, audience in ((TENANTS[0], Audience.PUBLIC), (TENANTS[0], Audience.FULL)):
            self.connect(tenant, audience, 0)
            self.clients[-1].watch(USERS, ROOMS)

    # --- what happens ---------------------------------------------------------------------------------------------

    def act(self, acts: list[tuple[UserKey, str, int, RoomId, int]], readers: tuple[int, ...]) -> None:
        """Users do things; some edges hear of them at once."""
        for key, deed, session, room, hole in acts:
            self.worker.do(key, deed, session, room, hole)
        for edge in readers:
            self.edges[edge].read_all()

    def repeat(self, key: UserKey, late: bool) -> None:
        """The worker writes a row again, or an old one late."""
        if late:
            self.worker.publish_late(key)
        else:
            self.worker.repeat(key)

    def lose_node(self) -> None:
        """Every session is lost."""
        self.worker.lose_node()

    def read(self, edge: int, partition: int, count: int) -> None:
        """An edge hears of some more."""
        self.edges[edge].read(partition, count)

    def tick(self, edge: int) -> None:
        """An interval is over."""
        self.edges[edge].hub.tick()

    def connect(self, tenant: TenantId, audience: Audience, edge: int) -> None:
        """A client comes."""
        if len(self.clients) < _MAX_CLIENTS:
            self.clients.append(Client(tenant, audience, self.edges[edge]))

    def watch(self, who: int, users: set[UserId], rooms: set[RoomId]) -> None:
        """A client watches more, or again."""
        self._client(who).watch(users, rooms)

    def unwatch(self, who: int, users: set[UserId], rooms: set[RoomId]) -> None:
        """A client watches less."""
        self._client(who).unwatch(users, rooms)

    def take(self, who: int, count: int | None) -> None:
        """Frames arrive."""
        self._client(who).take(count)

    def slow_down_or_catch_up(self, who: int) -> None:
        """A client reads more slowly, or as fast as before."""
        client = self._client(who)
        (client.edge.hub.catch_up if client.is_slow else client.edge.hub.slow_down)(client.subscriber)

    def cut_and_resume(self, who: int, edge: int) -> None:
        """A connection breaks, with frames on their way; the client comes back."""
        client = self._client(who)
        client.cut()
        client.resume(self.edges[edge])

    # --- what must hold -------------------------------------------------------------------------------------------

    def check_cuts(self, edge: int) -> None:
        """Whoever is cut off now knows after its resume what a newcomer knows.

        A position that promised too much would show here: its bearer would miss what was not sent.
        """
        for client in self.clients:
            if not self.edges[edge].has_read(client.furthest()):
                continue  # it would be told later what it knows already
            twin = copy_of(client)
            twin.cut()
            twin.resume(self.edges[edge])
            twin.take()
            newcomer = Client(client.tenant, client.audience, self.edges[edge])
            newcomer.watch(twin.users, twin.rooms)
            newcomer.take()

            assert (twin.store.users, twin.store.rooms) == (newcomer.store.users, newcomer.store.rooms)
            twin.leave()
            newcomer.leave()

    def check_rest(self) -> None:
        """When all was read and taken, everybody knows what is so."""
        for edge in self.edges:
            edge.read_all()
            edge.hub.tick()
        for client in self.clients:
            if client.is_slow:
                client.edge.hub.catch_up(client.subscriber)
            client.take()

            assert client.store.users == expected_users(self.worker.rows, client)
            assert client.store.rooms == expected_rooms(self.worker.rows, client)

    def check_tenants(self) -> None:
        """Nobody was ever sent a word about another tenant."""
        for client in self.clients:
            other = next(tenant for tenant in TENANTS if tenant != client.tenant)
            assert not any(f"{other}-s".encode() in data for data in client.subscriber.outbox)

    def _client(self, who: int) -> Client:
        return self.clients[who % len(self.clients)]


_few = st.integers(0, 3)
_one = st.integers(0, 1)
_rooms = st.sampled_from(ROOMS)
_acts = st.lists(st.tuples(keys, deeds, _one, _rooms, st.sampled_from((0, 0, 2))), min_size=1, max_size=3)
_readers = st.sampled_from(((0, 1), (0,), (1,), ()))

_BOTH = (
    (World.act, (_acts, _readers)),
    (World.act, (_acts, _readers)),
    (World.act, (_acts, _readers)),
    (World.tick, (_one,)),
    (World.watch, (_few, user_sets, room_sets)),
    (World.unwatch, (_few, user_sets, room_sets)),
    (World.slow_down_or_catch_up, (_few,)),
    (World.cut_and_resume, (_few, _one)),
    (World.connect, (tenants, st.sampled_from(Audience), _one)),
)
_HERE = (
    (World.repeat, (keys, st.booleans())),
    (World.lose_node, ()),
    (World.read, (_one, _one, _few)),
    (World.take, (_few, st.none() | _few)),
    (World.check_cuts, (_one,)),
    (World.check_cuts, (_one,)),
)


def _steps(*kinds: tuple[Callable[..., None], tuple[st.SearchStrategy[Any], ...]]) -> st.SearchStrategy[list[Step]]:
    each = st.one_of(*(st.tuples(st.just(kind), st.tuples(*arguments)) for kind, arguments in kinds))
    return st.lists(each, min_size=30, max_size=60)


@given(st.sets(keys, max_size=2), _steps(*_BOTH, *_HERE))
def test_every_client_ends_up_knowing_what_is_so(absent: set[UserKey], steps: list[Step]) -> None:
    world = World(absent)

    for step, arguments in steps:
        step(world, *arguments)
        world.check_tenants()

    world.check_cuts(1)
    world.check_rest()
    world.check_cuts(0)
