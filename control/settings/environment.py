"""The settings as environment variables, to hand them to a child process."""

from pydantic import SecretStr

from control.settings.fields import leaves, value_of
from control.settings.load import Loaded, Origin


def environment_of(loaded: Loaded) -> dict[str, str]:
    """Every setting that is not at its default, by its name in the environment; secrets too."""
    return {
        leaf.env: _text(value)
        for leaf in leaves()
        if loaded.origins[leaf.name] is not Origin.DEFAULT
        and (value := value_of(loaded.settings, leaf.name)) is not None
    }


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, list | tuple):
        return ",".join(str(part) for part in value)
    return str(value)
