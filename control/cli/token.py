"""``presence token``: a token for development, signed with the secret at hand."""

from pathlib import Path
from typing import Annotated

import typer

from control.bootstrap.tokens import make_token, token_config
from control.cli.options import ConfigFile, DataDir, Tenant, settings_from
from control.errors import NoSecret
from control.runfile import read_secret
from control.settings.model import Settings
from presence.adapters.memory.time import SystemClock
from presence.domain.errors import InvalidField

DEFAULT_TTL_S = 30 * 24 * 3600
"""A development token outlives a month of the same data directory."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("token")(command)


def command(
    user: Annotated[str, typer.Option(help="Whose token.")],
    tenant: Tenant = None,
    ttl: Annotated[str, typer.Option(help="How long it is valid: 90s, 15m, 8h, 30d.")] = "30d",
    scope: Annotated[str, typer.Option(help="Scopes, with spaces between.")] = "",
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Print a token, signed with PRESENCE_TOKEN_SECRET or the secret that `presence up` keeps.

    Examples:
      presence token --user ada

      presence token --user ada --tenant acme --ttl 15m
    """
    settings = settings_from(config, data_dir=data_dir, tenant=tenant).settings
    print(mint(settings, secret_of(settings), settings.tenant, user, seconds(ttl), scope))


def mint(settings: Settings, secret: str, tenant: str, user: str, ttl_s: float, scope: str = "") -> str:
    """Sign a token with a secret. Raises `InvalidField` for names that no token may carry."""
    return make_token(token_config(settings, secret), tenant, user, ttl_s, SystemClock(), scope)


def secret_of(settings: Settings) -> str:
    """The secret of the settings, or that of the data directory. Raises `NoSecret`."""
    if settings.token.secret is not None:
        return settings.token.secret.get_secret_value()
    found = read_secret(Path(settings.data_dir))
    if found is None:
        raise NoSecret(settings.data_dir)
    return found


def seconds(text: str) -> float:
    """Read a length of time such as ``15m``; a bare number is seconds. Raises `InvalidField`."""
    number, unit = (text[:-1], text[-1]) if text and text[-1] in _UNITS else (text, "s")
    if not number.isdigit() or int(number) == 0:
        raise InvalidField("ttl", "a number with s, m, h or d after it, such as 15m")
    return int(number) * _UNITS[unit]
