"""A crowd under observation: actors, a witness per edge, and the checks that must hold when all is over."""

import asyncio
import random
import time
from collections.abc import Sequence
from functools import partial

from tests.support import oracle
from tests.support.actors import Actor, Witness
from tests.support.system import GRACE_S, LEASE_S, SECRET, System, pretty, until

GHOST_S = LEASE_S + GRACE_S + 2
"""A user without a live session may be shown at most this long after a node died."""


class Scene:
    """Actors that talk through ``edges`` while a test breaks things, and what they were promised."""

    def __init__(
        self, system: System, edges: Sequence[str], actors: int, *, every_s: float = 0.5, seed: int = 7
    ) -> None:
        self.system = system
        self.edges = list(edges)
        self.actors = [Actor(f"user-{n:03}", edges, SECRET, rooms=[f"room-{n % 5}"]) for n in range(actors)]
        self.users = [actor.user for actor in self.actors]
        self.witnesses = [Witness(f"witness-{n}", edge, SECRET, self.users) for n, edge in enumerate(edges)]
        self._every_s = every_s
        self._rng = random.Random(seed)
        self._tasks: list[asyncio.Task[None]] = []

    async def enter(self) -> None:
        """Connect everybody and wait until each witness sees all of them."""
        for actor in self.actors:
            rng = random.Random(self._rng.random())
            self._tasks.append(asyncio.create_task(actor.live(self._every_s, rng)))
        await self.all_welcome(60)
        for witness in self.witnesses:
            self._tasks.append(asyncio.create_task(witness.watch()))
        await until("every witness sees everybody", self._all_seen, 30)

    async def all_welcome(self, within_s: float) -> float:
        """Wait until every actor has a connection."""
        return await until("all welcome", lambda: all(a.welcomed.is_set() for a in self.actors), within_s)

    async def talk(self, numbers: int, within_s: float = 60) -> None:
        """Wait until every actor was promised ``numbers`` more things than now."""
        wanted = {actor.user: len(actor.acked) + numbers for actor in self.actors}
        await until(
            f"{numbers} more acks each",
            lambda: all(len(a.acked) >= wanted[a.user] for a in self.actors),
            within_s,
        )

    async def leave(self) -> None:
        """End all tasks; sockets close with their connections."""
        for actor in self.actors:
            actor.has_left = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def check_nobody_left(self) -> None:
        """Nobody with a live session, or within its grace, was ever shown offline."""
        shown = {w.name: [user for _, user in w.leaves] for w in self.witnesses if w.leaves}
        assert not shown, f"shown offline while present: {pretty(shown)}"

    async def check_promises(self) -> None:
        """Every acknowledged number is in Postgres exactly once, and Postgres holds the log, the whole log, once."""
        addresses = self.system.stack.addresses
        # Taken before the log is read, since the crowd goes on talking.
        promised = {(actor.user, number) for actor in self.actors for number in actor.acked}
        logged = await oracle.read_log(addresses.kafka)
        places = {(partition, stamp.offset) for partition, _, _, stamp in logged}

        async def caught_up() -> bool:
            return places <= (await oracle.history_counts(addresses.postgres)).keys()

        try:
            await until("the history catches up", caught_up, 60)
        except AssertionError as exc:
            held = await oracle.history_counts(addresses.postgres)
            missing = [event for p, _, event, stamp in logged if (p, stamp.offset) not in held]
            raise AssertionError(f"{exc}; {len(missing)} of {len(places)} missing, such as {missing[:3]}") from None
        counts = await oracle.history_counts(addresses.postgres)
        assert {place for place, count in counts.items() if count != 1} == set()
        assert counts.keys() >= places
        numbers = await oracle.history_numbers(addresses.postgres)
        lost = {promise for promise in promised if numbers[promise] == 0}
        doubled = {promise for promise in promised if numbers[promise] > 1}
        assert not lost, f"acknowledged and lost: {sorted(lost)[:20]}"
        assert not doubled, f"doubled: {sorted(doubled)[:20]}"

    async def check_edges_agree(self, edges: Sequence[str] | None = None, within_s: float = 15) -> None:
        """Every edge shows what an independent fold of the log gives, once nobody talks any more."""
        for actor in self.actors:
            actor.is_quiet = True
        for edge in edges or self.edges:
            try:
                await until(f"{edge} agrees with the log", partial(self._agrees, edge), within_s)
            except AssertionError as exc:
                some = dict(list((await self._differences(edge)).items())[:3])
                raise AssertionError(f"{exc}: (by the log, shown) {pretty(some)}") from None
        for actor in self.actors:
            actor.is_quiet = False

    async def check_no_ghosts(self, edges: Sequence[str] | None = None) -> None:
        """After everybody vanished without a word, nobody is shown for longer than the published worst case."""
        deadline = time.monotonic() + GHOST_S
        for edge in edges or self.edges:
            try:
                await until(f"nobody is left on {edge}", partial(self._is_empty, edge), deadline - time.monotonic())
            except AssertionError as exc:
                raise AssertionError(f"{exc}: {await self._ghosts(edge)}") from None

    async def _ghosts(self, edge: str) -> str:
        """Who is shown, and the last events about the first of them, for an assertion's message."""
        shown = await oracle.snapshot_of(edge, SECRET, self.users)
        left = [user for user, seen in shown.items() if seen["status"] != "offline"]
        if not left:
            return "gone by now"
        logged = await oracle.read_log(self.system.stack.addresses.kafka)
        about = [(stamp.offset, stamp.at, event) for _, key, event, stamp in logged if key == f"acme/{left[0]}"]
        return f"{len(left)} left, {left[:5]}; of the first {pretty([str(fact) for fact in about[-6:]])}"

    async def _agrees(self, edge: str) -> bool:
        return not await self._differences(edge)

    async def _differences(self, edge: str) -> dict[str, object]:
        logged = await oracle.read_log(self.system.stack.addresses.kafka)
        shown = await oracle.snapshot_of(edge, SECRET, self.users)
        expected = oracle.expected_view(oracle.fold_log(logged), "acme", self.users)
        return oracle.differences(expected, shown)

    async def _is_empty(self, edge: str) -> bool:
        shown = await oracle.snapshot_of(edge, SECRET, self.users)
        return all(seen["status"] == "offline" for seen in shown.values())

    def _all_seen(self) -> bool:
        return all(len(w.state) == len(self.users) for w in self.witnesses)
