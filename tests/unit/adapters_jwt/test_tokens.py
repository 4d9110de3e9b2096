"""What is special to HS256 tokens: no other algorithm, odd headers, and signing for development."""

import base64
import hashlib
import hmac
import json
import warnings

import jwt
import pytest

from presence.adapters.jwt.config import TokenConfig
from presence.adapters.jwt.tokens import MAX_TOKEN_CHARS, HmacTokenVerifier, sign_token
from presence.domain.errors import InvalidToken
from presence.domain.ids import Millis, TenantId, UserId
from presence.ports import Claims

SECRET = "s" * 32
NOW = Millis(1_700_000_000_500)
CLAIMS = {"sub": "alice", "tenant": "acme", "aud": "presence", "exp": NOW // 1000 + 60}


def verifier(audience: str = "presence", issuer: str = "") -> HmacTokenVerifier:
    """A verifier with our secret."""
    return HmacTokenVerifier(TokenConfig(SECRET, audience, issuer))


def segment(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header: bytes, payload: bytes) -> str:
    """A token of any bytes, rightly signed with our secret."""
    text = f"{segment(header)}.{segment(payload)}"
    return f"{text}.{segment(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest())}"


async def refusal(token: str) -> str:
    """The reason why a token is refused."""
    with pytest.raises(InvalidToken) as refused:
        await verifier().verify(token, NOW)
    return refused.value.reason


async def test_a_token_we_sign_is_accepted_until_its_time_is_over() -> None:
    token = sign_token(SECRET, {"sub": "alice", "tenant": "acme", "scope": "admin"}, NOW, ttl_s=60)

    claims = await verifier().verify(token, NOW)

    assert claims == Claims(TenantId("acme"), UserId("alice"), frozenset({"admin"}), Millis(NOW + 60_000))
    with pytest.raises(InvalidToken, match="expired"):
        await verifier().verify(token, Millis(NOW + 65_000))


async def test_claims_given_to_sign_win_over_defaults() -> None:
    token = sign_token(SECRET, {"sub": "alice", "tenant": "acme", "aud": "mail", "exp": 4_000_000_000}, NOW, ttl_s=1)

    claims = await verifier(audience="mail").verify(token, NOW)

    assert claims.expires_at == 4_000_000_000_000


async def test_without_a_configured_audience_or_issuer_any_is_accepted() -> None:
    token = sign_token(SECRET, {"sub": "a", "tenant": "t", "aud": ["x"], "iss": "y"}, NOW, ttl_s=1)

    claims = await verifier(audience="", issuer="").verify(token, NOW)

    assert claims.user == "a"


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_a_stronger_algorithm_of_the_same_family_is_not_ours(algorithm: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyJWT finds our secret short for them
        token = jwt.encode(CLAIMS, SECRET, algorithm=algorithm)

    assert await refusal(token) == "alg_not_allowed"


async def test_an_unsigned_token_is_refused() -> None:
    assert await refusal(jwt.encode(CLAIMS, "", algorithm="none")) == "alg_not_allowed"


@pytest.mark.parametrize("alg", ["none", "None", "RS256", "hs256", "", None, 7, "ES256"])
async def test_no_header_talks_us_into_another_algorithm(alg: object) -> None:
    """A header that names RS256 must not make the shared secret pass as a public key, nor "none" as a signature."""
    token = signed(json.dumps({"typ": "JWT", "alg": alg}).encode(), json.dumps(CLAIMS).encode())

    assert await refusal(token) == "alg_not_allowed"


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        (b'{"alg":"HS256"}', b"[]"),
        (b'{"alg":"HS256"}', b"not json"),
        (b'{"alg":"HS256"}', b"\xff"),
        (b'{"alg":"HS256"}', b"[" * 5_000),
        (b'{"alg":"HS256"}', b'{"exp":' + b"9" * 5_000 + b"}"),
        (b'{"alg":"HS256","crit":["exp"],"exp":1}', b"{}"),
        (b'{"alg":"HS256","kid":7}', b"{}"),
        (b"[" * 5_000, b"{}"),
        (b'{"alg":' + b"9" * 5_000 + b"}", b"{}"),
        (b"7", b"{}"),
    ],
)
async def test_a_signed_token_of_an_odd_form_is_malformed(header: bytes, payload: bytes) -> None:
    assert await refusal(signed(header, payload)) == "malformed"


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400"])
async def test_numbers_that_are_none_are_no_times(number: bytes) -> None:
    assert await refusal(signed(b'{"alg":"HS256"}', b'{"exp":' + number + b',"aud":"presence"}')) == "claim_invalid"


async def test_a_token_over_the_limit_is_refused_unread() -> None:
    token = sign_token(SECRET, {**CLAIMS, "x": "x" * MAX_TOKEN_CHARS}, NOW, ttl_s=60)

    assert await refusal(token) == "malformed"


async def test_a_changed_payload_breaks_the_signature() -> None:
    header, _, signature = sign_token(SECRET, {"sub": "alice", "tenant": "acme"}, NOW, ttl_s=60).split(".")
    forged = segment(json.dumps({**CLAIMS, "sub": "admin"}).encode())

    assert await refusal(f"{header}.{forged}.{signature}") == "bad_signature"
