"""Tests of `control.settings.fields`."""

from control.settings.fields import env_name, leaves, value_of
from control.settings.model import Settings


def test_every_setting_has_a_name_a_meaning_and_one_place_in_the_environment() -> None:
    found = leaves()

    assert len({leaf.env for leaf in found}) == len(found)
    for leaf in found:
        assert leaf.meaning.endswith("."), leaf.name
        assert leaf.env == env_name(leaf.name)


def test_every_length_of_time_says_its_unit_in_its_name() -> None:
    assert [leaf.name for leaf in leaves() if leaf.unit == "ms" and not leaf.name.endswith("_ms")] == []
    assert [leaf.name for leaf in leaves() if leaf.name.endswith("_ms") and leaf.unit != "ms"] == []


def test_sections_are_one_word_so_that_names_in_the_environment_are_unambiguous() -> None:
    assert all("_" not in leaf.name.partition(".")[0] for leaf in leaves() if "." in leaf.name)


def test_a_value_is_found_by_its_dotted_name() -> None:
    settings = Settings(edge={"port": 99}, grace_ms=7)

    assert value_of(settings, "edge.port") == 99
    assert value_of(settings, "grace_ms") == 7


def test_the_secret_is_known_to_be_one() -> None:
    assert [leaf.name for leaf in leaves() if leaf.is_secret] == ["token.secret"]
