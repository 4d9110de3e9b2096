"""Tests of `control.demo.plan`."""

from collections import Counter
from itertools import islice

import pytest

from control.demo.plan import (
    Action,
    Connect,
    Crash,
    Declare,
    Do,
    Drop,
    Enter,
    Exit,
    Population,
    SayGoodbye,
    Step,
    plan,
)

USUAL = Population()


def first(seed: int, how_many: int, population: Population = USUAL) -> list[Step]:
    return list(islice(plan(seed, population), how_many))


def test_the_same_seed_gives_the_same_plan() -> None:
    assert first(42, 500) == first(42, 500)


def test_another_seed_gives_another_plan() -> None:
    assert first(42, 100) != first(43, 100)


def test_steps_are_in_the_order_of_time() -> None:
    times = [step.at_ms for step in first(1, 1_000)]

    assert times == sorted(times)


def test_more_people_do_not_change_what_the_others_do() -> None:
    few = Population(users=2, rate=1)
    many = Population(users=4, rate=2)

    of_ada = [step for step in first(7, 400, many) if step.user == "ada"]

    assert of_ada[:30] == [step for step in first(7, 200, few) if step.user == "ada"][:30]


def test_everybody_has_arrived_soon() -> None:
    begun = {step.user for step in first(42, 1_000) if step.at_ms <= USUAL.arrival_ms}

    assert len(begun) == USUAL.users


def test_the_rate_is_about_what_was_asked_for() -> None:
    steps = first(42, 3_000, Population(users=50, rate=10))

    seconds = (steps[-1].at_ms - USUAL.arrival_ms) / 1000

    assert 7 < (len(steps) - 50) / seconds < 13


def test_all_kinds_of_things_happen() -> None:
    kinds = Counter(type(step.action) for step in first(42, 5_000))

    assert set(kinds) == set(Action.__args__)


def test_networks_come_back_within_the_grace_and_after_it() -> None:
    away = [step.action.away_ms for step in first(42, 5_000) if isinstance(step.action, Drop)]

    assert min(away) < USUAL.grace_ms < max(away)


@pytest.mark.parametrize("seed", range(5))
def test_a_device_only_does_what_it_can(seed: int) -> None:
    """Connects when it is off, does everything else when it is on, enters and leaves rooms in turn."""
    inside: dict[tuple[str, str], set[str]] = {}
    for step in first(seed, 3_000):
        device = (step.user, step.device)
        match step.action:
            case Connect(rooms):
                assert device not in inside
                inside[device] = set(rooms)
            case SayGoodbye() | Crash():
                del inside[device]
            case Enter(room):
                assert room not in inside[device]
                inside[device].add(room)
            case Exit(room):
                inside[device].remove(room)
            case Drop() | Do() | Declare():
                assert device in inside


def test_an_override_always_ends() -> None:
    declared = [step.action for step in first(42, 5_000) if isinstance(step.action, Declare)]

    assert all(action.for_ms for action in declared if action.status is not None)
