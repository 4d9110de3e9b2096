"""Who lives in the demo, and where: the same names in every run."""

from collections.abc import Iterator
from itertools import count, islice

USERS = (
    "ada", "grace", "alan", "barbara", "donald", "edsger", "frances", "john", "margaret", "dennis",
    "ken", "radia", "vint", "tim", "leslie", "shafi", "adele", "niklaus", "tony", "hedy",
    "katherine", "dorothy", "mary", "annie", "joan", "karen", "lynn", "sophie", "anita", "evelyn",
    "jean", "betty", "kay", "marlyn", "ruth", "fran", "claude", "norbert", "konrad", "emmy",
    "sofia", "blaise", "gottfried", "charles", "george", "augusta", "ida", "rosa", "lise", "chien",
)  # fmt: skip
"""Everybody of a demo of the usual size."""

ROOMS = ("lobby", "engineering", "design", "support", "random", "research", "ops", "music", "books", "garden")
"""The first one is where nearly everybody is."""

DEVICES = ("laptop", "phone", "tablet", "desktop")


def users(how_many: int) -> list[str]:
    """The first ``how_many`` names; beyond the list they are numbered."""
    return list(islice(_numbered(USERS), how_many))


def rooms(how_many: int) -> list[str]:
    """The first ``how_many`` rooms, likewise."""
    return list(islice(_numbered(ROOMS), how_many))


def _numbered(names: tuple[str, ...]) -> Iterator[str]:
    yield from names
    for number in count(2):
        for name in names:
            yield f"{name}-{number}"
