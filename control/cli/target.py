"""Whom a client command talks to: the edge and the tokens, from options or from a running ``presence up``."""

from dataclasses import dataclass
from pathlib import Path

from control.cli.token import mint, secret_of
from control.client.news import TokenSource
from control.errors import NoEdge
from control.runfile import find_running
from control.settings.model import Settings

TOKEN_TTL_S = 12 * 3600.0
"""A client that stays longer makes itself a new token when it is told that the old one ran out."""


@dataclass(frozen=True, slots=True)
class Target:
    """An edge, and how to get in."""

    url: str
    tenant: str
    settings: Settings
    given_token: str | None

    def token_of(self, user: str) -> TokenSource:
        """Tokens of a user; a token that was given is used for whoever asks."""
        given = self.given_token
        if given is not None:
            return lambda: given
        secret = secret_of(self.settings)
        return lambda: mint(self.settings, secret, self.tenant, user, TOKEN_TTL_S)


def find_target(settings: Settings, url: str | None, token: str | None, tenant: str | None) -> Target:
    """Find the edge. Raises `NoEdge` when none is named and no ``presence up`` runs."""
    running = find_running(Path(settings.data_dir))
    if url is None:
        if running is None:
            raise NoEdge(settings.data_dir)
        url = running.edge
    return Target(url, tenant or (running.tenant if running else settings.tenant), settings, token)
