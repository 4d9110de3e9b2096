"""What tokens are accepted: the frozen settings of this adapter."""

from dataclasses import dataclass, field

from presence.domain.errors import SetupError

MIN_SECRET_BYTES = 32
"""RFC 7518, 3.2: an HS256 key must be as long as the hash. A shorter one can be guessed offline from any token."""

DEFAULT_AUDIENCE = "presence"


@dataclass(frozen=True, slots=True)
class TokenConfig:
    """Whom to trust. The algorithm is no setting: HS256, whatever a token's header says."""

    secret: str = field(repr=False)
    """Shared secret, at least `MIN_SECRET_BYTES` bytes of UTF-8."""
    audience: str = DEFAULT_AUDIENCE
    """The ``aud`` a token must name, so that a token made for another service opens nothing here; empty accepts any."""
    issuer: str = ""
    """The ``iss`` a token must name; empty accepts any, since whoever holds the secret can write any issuer."""
    leeway_ms: int = 5_000
    """How far the issuer's clock and ours may differ. Half: fresh tokens fail on poorly kept clocks; more: old ones
    live longer."""

    def __post_init__(self) -> None:
        """Refuse a secret that could be guessed and a leeway that makes no sense."""
        size = len(self.secret.encode())
        if size < MIN_SECRET_BYTES:
            raise SetupError(
                f"the token secret has {size} bytes, {MIN_SECRET_BYTES} are needed",
                "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
            )
        if self.leeway_ms < 0:
            raise SetupError(f"the token leeway is {self.leeway_ms} ms", "set it to 0 or more")
