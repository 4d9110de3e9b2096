"""Tests of `control.demo.names`."""

from control.demo.names import ROOMS, USERS, rooms, users


def test_names_are_the_same_in_every_run_and_none_comes_twice() -> None:
    assert users(3) == ["ada", "grace", "alan"]
    assert len(set(USERS)) == len(USERS) == 50
    assert rooms(1) == ["lobby"]


def test_larger_populations_have_numbered_names() -> None:
    many = users(120)

    assert many[50] == "ada-2"
    assert many[100] == "ada-3"
    assert len(set(many)) == 120
    assert rooms(12)[10:] == ["lobby-2", f"{ROOMS[1]}-2"]
