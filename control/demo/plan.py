"""What everybody will do and when: pure, endless, and the same for the same seed.

Each user has a life of their own, drawn from a generator seeded by the demo's seed and the user's name, so that a
larger population does not change what the smaller one did.
"""

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from control.demo.names import DEVICES, rooms, users
from presence.domain.status import Activity, Status


@dataclass(frozen=True, slots=True)
class Connect:
    """Come online with this device."""

    rooms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SayGoodbye:
    """Put the device away on purpose."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The network fails; the device comes back to its session after ``away_ms``."""

    away_ms: int


@dataclass(frozen=True, slots=True)
class Crash:
    """The device dies without a word, and its session is never continued."""


@dataclass(frozen=True, slots=True)
class Enter:
    """Join a room."""

    room: str


@dataclass(frozen=True, slots=True)
class Exit:
    """Leave a room."""

    room: str


@dataclass(frozen=True, slots=True)
class Do:
    """Work, pause, or be in a call."""

    activity: Activity


@dataclass(frozen=True, slots=True)
class Declare:
    """Fix the own status for a while; None takes it back."""

    status: Status | None
    note: str = ""
    for_ms: int | None = None


Action = Connect | SayGoodbye | Drop | Crash | Enter | Exit | Do | Declare


@dataclass(frozen=True, slots=True)
class Step:
    """One action of one device."""

    at_ms: int
    """Since the beginning of the demo."""
    user: str
    device: str
    action: Action


@dataclass(frozen=True, slots=True)
class Population:
    """Size and pace of the demo."""

    users: int = 50
    rooms: int = 5
    rate: float = 5.0
    """Steps a second, of all together."""
    grace_ms: int = 15_000
    """The server's grace: some networks come back within it, some after."""

    @property
    def gap_ms(self) -> float:
        """Mean time between two steps of one user."""
        return 1000 * self.users / self.rate

    @property
    def arrival_ms(self) -> float:
        """Time in which everybody arrives."""
        return max(2_000.0, 20.0 * self.users)


def plan(seed: int, population: Population) -> Iterator[Step]:
    """Everybody's steps in the order of time, without end."""
    places = rooms(population.rooms)
    lives = [_life(user, random.Random(f"{seed}/{user}"), population, places) for user in users(population.users)]  # noqa: S311 - a play, not a secret
    return heapq.merge(*lives, key=lambda step: step.at_ms)


_NOTES: dict[Status, tuple[str, ...]] = {
    Status.DND: ("deep work", "in an interview", "writing"),
    Status.BUSY: ("in a meeting", "on a call", "pairing"),
    Status.AWAY: ("lunch", "back at two", "school run"),
    Status.INVISIBLE: ("",),
    Status.ONLINE: ("ask me anything", "office hours"),
}


@dataclass(slots=True)
class _Person:
    """What a life must remember to go on sensibly."""

    at_ms: float
    sleep_ms: float = 0
    """How much longer than usual until the next step."""
    online: dict[str, set[str]] = field(default_factory=dict)
    """Device -> rooms it is in."""
    has_status: bool = False


def _life(user: str, rng: random.Random, population: Population, places: Sequence[str]) -> Iterator[Step]:
    owned = rng.sample(DEVICES, k=rng.choices((1, 2, 3), weights=(5, 4, 1))[0])
    home = tuple(place for place in places if rng.random() < (0.8 if place == places[0] else 0.25))
    person = _Person(at_ms=rng.uniform(0, population.arrival_ms))
    while True:
        for device, action in _next(person, owned, home, places, population, rng):
            yield Step(round(person.at_ms), user, device, action)
        person.at_ms += person.sleep_ms + rng.expovariate(1 / population.gap_ms)
        person.sleep_ms = 0


def _next(
    person: _Person,
    owned: Sequence[str],
    home: tuple[str, ...],
    places: Sequence[str],
    population: Population,
    rng: random.Random,
) -> list[tuple[str, Action]]:
    """What happens next; the person is changed accordingly."""
    resting = [device for device in owned if device not in person.online]
    if not person.online:
        return [_connect(person, resting[0], home)]
    device = rng.choice(sorted(person.online))
    what = rng.choices(
        ("activity", "room", "status", "network", "second", "away", "crash", "night"),
        weights=(24, 22, 12, 14, 10, 10, 4, 4),
    )[0]
    match what:
        case "room":
            return [_move(person, device, rng.choice(places))]
        case "status":
            return [_declare(person, device, rng)]
        case "network":
            is_short = rng.random() < 0.75
            factor = rng.uniform(0.02, 0.5) if is_short else rng.uniform(1.3, 2.5)
            return [(device, Drop(round(population.grace_ms * factor)))]
        case "second" if resting:
            return [_connect(person, rng.choice(resting), home)]
        case "away":
            del person.online[device]
            return [(device, SayGoodbye())]
        case "crash":
            del person.online[device]
            return [(device, Crash())]
        case "night":
            gone = sorted(person.online)
            person.online.clear()
            person.sleep_ms = rng.uniform(1, 4) * population.gap_ms
            return [(name, SayGoodbye()) for name in gone]
        case _:
            activity = rng.choices((Activity.ACTIVE, Activity.IDLE, Activity.BUSY), weights=(5, 4, 2))[0]
            return [(device, Do(activity))]


def _connect(person: _Person, device: str, home: tuple[str, ...]) -> tuple[str, Action]:
    person.online[device] = set(home)
    return device, Connect(home)


def _move(person: _Person, device: str, room: str) -> tuple[str, Action]:
    inside = person.online[device]
    if room in inside:
        inside.remove(room)
        return device, Exit(room)
    inside.add(room)
    return device, Enter(room)


def _declare(person: _Person, device: str, rng: random.Random) -> tuple[str, Action]:
    if person.has_status and rng.random() < 0.6:
        person.has_status = False
        return device, Declare(None)
    person.has_status = True
    status = rng.choices(tuple(_NOTES), weights=(3, 4, 3, 1, 1))[0]
    return device, Declare(status, rng.choice(_NOTES[status]), rng.choice((20, 60, 180)) * 1000)
