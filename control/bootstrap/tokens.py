"""Sign tokens, as the issuer that the settings trust: for the command line, demos and tests."""

from control.errors import NoSecret
from control.settings.model import Settings
from presence.adapters.jwt.config import TokenConfig
from presence.adapters.jwt.tokens import sign_token
from presence.domain.ids import name, tenant_id
from presence.ports import Clock


def token_config(settings: Settings, secret: str | None = None) -> TokenConfig:
    """Whose tokens are accepted; ``secret`` stands in for the settings' own. Raises `NoSecret`."""
    token = settings.token
    if secret is None:
        if token.secret is None:
            raise NoSecret(settings.data_dir)
        secret = token.secret.get_secret_value()
    return TokenConfig(secret, token.audience, token.issuer, token.leeway_ms)


def make_token(config: TokenConfig, tenant: str, user: str, ttl_s: float, clock: Clock, scope: str = "") -> str:
    """Sign a token. Raises `InvalidField` for names that no token may carry."""
    claims = {"sub": name(user, "user"), "tenant": tenant_id(tenant), "aud": config.audience}
    if config.issuer:
        claims["iss"] = config.issuer
    if scope:
        claims["scope"] = scope
    return sign_token(config.secret, claims, clock.now(), ttl_s)
