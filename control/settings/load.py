"""Put the settings together out of command line, environment, file and defaults, and remember what came from where."""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from control.settings.fields import env_name, leaves
from control.settings.model import ENV_PREFIX, Settings
from control.settings.relations import violations
from presence.domain.errors import SetupError

CONFIG_ENV = f"{ENV_PREFIX}CONFIG"
DEFAULT_FILE = Path("presence.toml")
_REFERENCE = "docs/reference/settings.md and `presence settings` list them all."


class SettingsInvalid(SetupError):
    """What was set cannot be used; nothing was started."""

    code = "settings"


class Origin(StrEnum):
    """Where a value came from; later ones win."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    ARGUMENT = "argument"


class Loaded(Struct, frozen=True):
    """The effective settings."""

    settings: Settings
    origins: dict[str, Origin]
    """By dotted name."""
    file: Path | None
    """The file that was read, if any."""


def load_settings(arguments: Mapping[str, Any] | None = None, config: Path | None = None) -> Loaded:
    """Load and check the settings. ``arguments`` are dotted names from the command line; None values are skipped.

    Raises:
        SettingsInvalid: a name is unknown, a value is of the wrong form, or two settings contradict each other.
    """
    file = _file(config)
    layers = {
        Origin.FILE: dict(_flatten(_read(file))) if file else {},
        Origin.ENVIRONMENT: _environment(),
        Origin.ARGUMENT: {name: value for name, value in (arguments or {}).items() if value is not None},
    }
    merged: dict[str, Any] = {}
    origins = dict.fromkeys((leaf.name for leaf in leaves()), Origin.DEFAULT)
    for origin, values in layers.items():
        merged |= values
        origins |= dict.fromkeys(values, origin)
    settings = _build(merged, origins, file)
    if broken := violations(settings):
        raise SettingsInvalid("settings contradict each other:\n  " + "\n  ".join(broken), "Change one of each pair.")
    return Loaded(settings, origins, file)


def _file(config: Path | None) -> Path | None:
    named = config or (Path(os.environ[CONFIG_ENV]) if os.environ.get(CONFIG_ENV) else None)
    if named is None:
        return DEFAULT_FILE if DEFAULT_FILE.is_file() else None
    if not named.is_file():
        raise SettingsInvalid(f"the settings file {named} does not exist", f"Correct --config or {CONFIG_ENV}.")
    return named


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise SettingsInvalid(f"the settings file {file} cannot be read: {exc}", "It must be TOML in UTF-8.") from exc


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    known = {leaf.name for leaf in leaves()}
    for key, value in values.items():
        name = prefix + key
        if isinstance(value, dict) and name not in known:
            yield from _flatten(value, f"{name}.")
        elif name in known:
            yield name, value
        else:
            raise SettingsInvalid(f"the settings file has {name}, which is no setting", _did_you_mean(name, known))


def _environment() -> dict[str, Any]:
    names = {leaf.env for leaf in leaves()}
    for env in sorted(os.environ):
        if env.startswith(ENV_PREFIX) and env not in names and env != CONFIG_ENV:
            remedy = _did_you_mean(env, names | {CONFIG_ENV})
            raise SettingsInvalid(f"the environment has {env}, which is no setting", remedy)
    values = EnvSettingsSource(Settings)()
    return {leaf.name: value for leaf in leaves() if (value := _dig(values, leaf.name)) is not None}


def _dig(values: Mapping[str, Any], name: str) -> Any:
    section, _, field = name.partition(".")
    inner = values.get(section)
    return inner.get(field) if field and isinstance(inner, dict) else inner if not field else None


def _did_you_mean(name: str, known: set[str]) -> str:
    # Without the prefix that all share, or everything would resemble everything.
    close = difflib.get_close_matches(name.removeprefix(ENV_PREFIX), [k.removeprefix(ENV_PREFIX) for k in known], n=1)
    if name.startswith(ENV_PREFIX):
        close = [ENV_PREFIX + match for match in close]
    return f"Did you mean {close[0]}? {_REFERENCE}" if close else f"Remove it. {_REFERENCE}"


def _build(merged: Mapping[str, Any], origins: Mapping[str, Origin], file: Path | None) -> Settings:
    nested: dict[str, Any] = {}
    for name, value in merged.items():
        section, _, field = name.partition(".")
        if field:
            nested.setdefault(section, {})[field] = value
        else:
            nested[section] = value
    try:
        return Settings(**nested)
    except ValidationError as exc:
        wrong = [_wrong(error, origins, file) for error in exc.errors(include_url=False, include_context=False)]
        raise SettingsInvalid("settings have wrong values:\n  " + "\n  ".join(wrong), _REFERENCE) from None


def _wrong(error: Any, origins: Mapping[str, Origin], file: Path | None) -> str:
    """Say what is wrong without repeating a secret."""
    secret = {leaf.name for leaf in leaves() if leaf.is_secret}
    parts = [str(part) for part in error["loc"]]
    name = next((n for n in (".".join(parts[:2]), parts[0]) if n in origins), ".".join(parts))
    shown = "" if name in secret else f" = {error['input']!r}"
    where = {Origin.FILE: f"{file}: {name}", Origin.ARGUMENT: f"command line: {name}"}.get(
        origins.get(name, Origin.DEFAULT), env_name(name)
    )
    return f"{where}{shown}: {error['msg']}"
