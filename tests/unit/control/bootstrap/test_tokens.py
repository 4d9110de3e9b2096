"""Tests of `control.bootstrap.tokens`."""

import pytest
from pydantic import SecretStr

from control.bootstrap.tokens import make_token, token_config
from control.errors import NoSecret
from control.settings.model import Settings
from presence.adapters.jwt.tokens import HmacTokenVerifier
from presence.adapters.memory.time import FakeClock
from presence.domain.errors import InvalidField

SECRET = "a secret of more than thirty-two bytes"
SETTINGS = Settings(token={"secret": SecretStr(SECRET), "issuer": "me", "audience": "us"})


async def test_a_token_we_make_is_one_we_accept() -> None:
    config, clock = token_config(SETTINGS), FakeClock()

    token = make_token(config, "acme", "ada", 60, clock, "see read")

    claims = await HmacTokenVerifier(config).verify(token, clock.now())
    assert (claims.tenant, claims.user, claims.scopes) == ("acme", "ada", {"see", "read"})
    assert claims.expires_at == clock.now() + 60_000


def test_a_secret_that_is_handed_in_stands_in_for_the_settings() -> None:
    assert token_config(Settings(), SECRET).secret == SECRET


def test_no_secret_is_told() -> None:
    with pytest.raises(NoSecret, match=r"\.presence"):
        token_config(Settings())


@pytest.mark.parametrize(("tenant", "user"), [("~x", "ada"), ("acme", ""), ("acme", "a\nb")])
def test_names_that_no_token_may_carry_are_refused(tenant: str, user: str) -> None:
    with pytest.raises(InvalidField):
        make_token(token_config(SETTINGS), tenant, user, 60, FakeClock())
