"""Where the servers' programs lie: inside packages that pip installed."""

import importlib.util
from pathlib import Path

from presence.domain.errors import SetupError


def package_folder(name: str) -> Path:
    """Return the folder of an installed package without importing it (some import clients we do not need).

    Raises:
        SetupError: it is not installed.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(
            f"the Python package {name}, which brings an embedded server, is not installed",
            "Install presence again with its dependencies, or name a real server instead.",
        )
    return Path(spec.submodule_search_locations[0])
