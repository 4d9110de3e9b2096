"""The settings as a flat list: one entry per leaf, with its name in the file and in the environment."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from msgspec import Struct
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from control.settings.model import ENV_PREFIX, Section, Settings


class Leaf(Struct, frozen=True):
    """One setting."""

    name: str
    """Dotted, as in the file: ``edge.port``."""
    env: str
    """In the environment: ``PRESENCE_EDGE_PORT``."""
    default: Any
    unit: str
    meaning: str
    breaks: str
    is_secret: bool


@cache
def leaves() -> tuple[Leaf, ...]:
    """Every setting in the order of its declaration."""
    return tuple(_walk(Settings, ""))


def env_name(name: str) -> str:
    """The environment's name of a dotted name."""
    return ENV_PREFIX + name.replace(".", "_").upper()


def value_of(settings: Settings, name: str) -> Any:
    """The value of a dotted name."""
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _walk(model: type[BaseModel], prefix: str) -> Iterator[Leaf]:
    for field, info in model.model_fields.items():
        name = prefix + field
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            yield from _walk(info.annotation, f"{name}.")
        else:
            yield _leaf(name, info)


def _leaf(name: str, info: FieldInfo) -> Leaf:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return Leaf(
        name=name,
        env=env_name(name),
        default=info.default,
        unit=str(extra.get("unit", "")),
        meaning=info.description or "",
        breaks=str(extra.get("breaks", "")),
        is_secret="SecretStr" in str(info.annotation) or info.annotation is SecretStr,
    )
