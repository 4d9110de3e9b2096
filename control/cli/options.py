"""Options that several commands share, and the settings they lead to."""

from pathlib import Path
from typing import Annotated, Any

import typer

from control.settings.load import CONFIG_ENV, Loaded, load_settings

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help=f"Settings file; also {CONFIG_ENV}. Default: ./presence.toml."),
]
DataDir = Annotated[
    str | None, typer.Option("--data-dir", metavar="DIR", help="Data directory of `presence up`. Default: .presence.")
]
EdgeUrl = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="Edge to talk to. Default: that of the running `presence up`."),
]
Token = Annotated[
    str | None,
    typer.Option("--token", metavar="TOKEN", help="Token to show. Default: one made with the secret at hand."),
]
Tenant = Annotated[str | None, typer.Option("--tenant", help="Tenant. Default: that of the settings.")]


def settings_from(config: Path | None, **arguments: Any) -> Loaded:
    """Load the settings; names of arguments are dotted with a double underscore (``edge__port``)."""
    return load_settings({name.replace("__", "."): value for name, value in arguments.items()}, config)
