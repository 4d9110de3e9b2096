"""Verify HS256 tokens by PyJWT, and sign them for development, demos and tests.

PyJWT checks form and signature. Times are checked here, by the ``now`` that is handed in, so that tests and replays
need no machine clock.
"""

import math
from collections.abc import Mapping
from typing import Any

import jwt

from presence.adapters.jwt.config import DEFAULT_AUDIENCE, TokenConfig
from presence.domain.errors import InvalidField, InvalidToken
from presence.domain.ids import Millis, UserId, name, tenant_id
from presence.ports import Claims

ALGORITHM = "HS256"

MAX_TOKEN_CHARS = 8 * 1024
"""Longer tokens are refused unread; common proxies refuse headers of this size too."""

_MAX_MS = 1 << 53
"""Year 287396: later times are garbage, and no JSON number keeps them exactly."""

# Everything about times and names is checked below; PyJWT would ask the machine's clock.
_FORM_ONLY: Any = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class HmacTokenVerifier:
    """The `TokenVerifier` of tokens signed with a shared secret.

    Required claims: ``sub`` (the user), ``tenant``, ``exp``; ``scope`` is a space-separated string or a list.
    `InvalidToken.reason` is one of: ``malformed``, ``alg_not_allowed``, ``bad_signature``, ``expired``,
    ``not_yet_valid``, ``claim_missing``, ``claim_invalid``, ``wrong_issuer``, ``wrong_audience``.
    """

    def __init__(self, config: TokenConfig) -> None:
        self._config = config

    async def verify(self, token: str, now: Millis) -> Claims:
        """Verify signature, times and claims; see the port."""
        claims = _read(token, self._config.secret)
        expires_at = self._check_times(claims, now)
        self._check_parties(claims)
        try:
            tenant = tenant_id(_text(claims, "tenant"))
            user = UserId(name(_text(claims, "sub"), "sub"))
        except InvalidField as exc:
            raise InvalidToken("claim_invalid") from exc
        return Claims(tenant, user, _scopes(claims), expires_at)

    def _check_times(self, claims: Mapping[str, Any], now: Millis) -> Millis:
        expires_at = _time(claims, "exp")
        if now >= expires_at + self._config.leeway_ms:
            raise InvalidToken("expired")
        if "nbf" in claims and now + self._config.leeway_ms < _time(claims, "nbf"):
            raise InvalidToken("not_yet_valid")
        return expires_at

    def _check_parties(self, claims: Mapping[str, Any]) -> None:
        if self._config.issuer and _claim(claims, "iss") != self._config.issuer:
            raise InvalidToken("wrong_issuer")
        if self._config.audience:
            named = _claim(claims, "aud")
            # RFC 7519, 4.1.3: one string, or a list of them.
            if self._config.audience not in (named if isinstance(named, list) else [named]):
                raise InvalidToken("wrong_audience")


def sign_token(secret: str, claims: Mapping[str, Any], now: int, ttl_s: float) -> str:
    """Sign ``claims`` (at least ``sub`` and ``tenant``) for ``ttl_s`` seconds from ``now``, ms since 1970.

    ``aud`` is `DEFAULT_AUDIENCE` unless ``claims`` says otherwise.
    """
    issued_at = now / 1000
    times = {"iat": issued_at, "exp": issued_at + ttl_s}
    return jwt.encode({"aud": DEFAULT_AUDIENCE, **times, **claims}, secret, algorithm=ALGORITHM)


def _read(token: str, secret: str) -> dict[str, Any]:
    """The claims of a token that is well formed and signed with our secret by our algorithm."""
    if len(token) > MAX_TOKEN_CHARS:
        raise InvalidToken("malformed")
    try:
        claims: dict[str, Any] = jwt.decode(token, secret, algorithms=[ALGORITHM], options=_FORM_ONLY)
    except jwt.InvalidAlgorithmError as exc:
        raise InvalidToken("alg_not_allowed") from exc
    except jwt.InvalidSignatureError as exc:
        raise InvalidToken("bad_signature") from exc
    except (jwt.InvalidTokenError, ValueError, RecursionError) as exc:
        # ValueError: lone surrogates, and numbers longer than Python converts; RecursionError: nesting.
        raise InvalidToken("malformed") from exc
    return claims


def _claim(claims: Mapping[str, Any], claim: str) -> Any:
    if claim not in claims:
        raise InvalidToken("claim_missing")
    return claims[claim]


def _text(claims: Mapping[str, Any], claim: str) -> str:
    value = _claim(claims, claim)
    if not isinstance(value, str):
        raise InvalidToken("claim_invalid")
    return value


def _time(claims: Mapping[str, Any], claim: str) -> Millis:
    """A NumericDate (seconds, maybe with a fraction) as ms."""
    value = _claim(claims, claim)
    # bool is an int to Python; NaN and the infinities are numbers to its JSON reader.
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidToken("claim_invalid")
    ms = value * 1000
    if not 0 <= ms <= _MAX_MS:
        raise InvalidToken("claim_invalid")
    return Millis(round(ms))


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    value = claims.get("scope", "")
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, list) and all(isinstance(scope, str) for scope in value):
        return frozenset(value)
    raise InvalidToken("claim_invalid")
