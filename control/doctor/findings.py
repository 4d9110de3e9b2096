"""What an examination finds: one line per thing looked at."""

from enum import StrEnum

from msgspec import Struct


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    area: str
    level: Level
    detail: str
    remedy: str = ""
    """What to do; empty when all is well."""


def ok(area: str, detail: str) -> Finding:
    """All is well."""
    return Finding(area, Level.OK, detail)


def warn(area: str, detail: str, remedy: str) -> Finding:
    """It works, but not as it should."""
    return Finding(area, Level.WARN, detail, remedy)


def fail(area: str, detail: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(area, Level.FAIL, detail, remedy)


def worst(findings: list[Finding]) -> Level:
    """The worst level of all."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)
