"""What every `TokenVerifier` must do, however tokens are signed; adapters subclass it and say how to make tokens."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import pytest

from presence.domain.errors import InvalidToken
from presence.domain.ids import Millis, TenantId, UserId
from presence.ports import Claims, TokenVerifier

NOW = Millis(1_700_000_000_000)
NOW_S = NOW // 1000
LEEWAY_S = 5
ISSUER = "https://id.example"
AUDIENCE = "presence"
GOOD: Mapping[str, Any] = {
    "sub": "alice",
    "tenant": "acme",
    "iss": ISSUER,
    "aud": AUDIENCE,
    "iat": NOW_S,
    "exp": NOW_S + 60,
}


def without(*claims: str) -> dict[str, Any]:
    """The good claims but for some."""
    return {claim: value for claim, value in GOOD.items() if claim not in claims}


class TokenVerifierContract(ABC):
    """The contract. Subclasses give the fixture ``verifier`` (for `ISSUER`, `AUDIENCE`, a leeway of `LEEWAY_S`)."""

    @abstractmethod
    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token with exactly these claims that is signed as it should be."""

    @abstractmethod
    def sign_by_another(self, claims: Mapping[str, Any]) -> str:
        """A token with these claims that is signed by somebody else, in the same manner."""

    async def refusal(self, verifier: TokenVerifier, token: str) -> str:
        """The reason why a token is refused."""
        with pytest.raises(InvalidToken) as refused:
            await verifier.verify(token, NOW)
        return refused.value.reason

    async def test_a_good_token_names_tenant_and_user(self, verifier: TokenVerifier) -> None:
        claims = await verifier.verify(self.sign(GOOD), NOW)

        assert claims == Claims(TenantId("acme"), UserId("alice"), frozenset(), Millis(NOW + 60_000))

    @pytest.mark.parametrize("scope", ["presence:read admin", ["admin", "presence:read"], " admin  presence:read "])
    async def test_scopes_may_be_a_string_or_a_list(self, verifier: TokenVerifier, scope: object) -> None:
        claims = await verifier.verify(self.sign({**GOOD, "scope": scope}), NOW)

        assert claims.scopes == {"admin", "presence:read"}

    async def test_the_audience_may_be_one_of_several(self, verifier: TokenVerifier) -> None:
        claims = await verifier.verify(self.sign({**GOOD, "aud": ["mail", AUDIENCE]}), NOW)

        assert claims.user == "alice"

    @pytest.mark.parametrize(("exp", "is_over"), [(NOW_S - LEEWAY_S, True), (NOW_S - LEEWAY_S + 1, False)])
    async def test_a_token_expires_the_leeway_after_its_exp(
        self, verifier: TokenVerifier, exp: int, is_over: bool
    ) -> None:
        token = self.sign({**GOOD, "exp": exp})

        if is_over:
            assert await self.refusal(verifier, token) == "expired"
        else:
            assert (await verifier.verify(token, NOW)).expires_at == exp * 1000

    @pytest.mark.parametrize(("nbf", "is_early"), [(NOW_S + LEEWAY_S + 1, True), (NOW_S + LEEWAY_S, False)])
    async def test_a_token_begins_the_leeway_before_its_nbf(
        self, verifier: TokenVerifier, nbf: int, is_early: bool
    ) -> None:
        token = self.sign({**GOOD, "nbf": nbf})

        if is_early:
            assert await self.refusal(verifier, token) == "not_yet_valid"
        else:
            assert (await verifier.verify(token, NOW)).user == "alice"

    async def test_time_is_what_the_caller_says(self, verifier: TokenVerifier) -> None:
        token = self.sign(GOOD)

        with pytest.raises(InvalidToken, match="expired"):
            await verifier.verify(token, Millis(NOW + 3_600_000))

    @pytest.mark.parametrize("claim", ["sub", "tenant", "exp", "iss", "aud"])
    async def test_a_required_claim_must_be_there(self, verifier: TokenVerifier, claim: str) -> None:
        assert await self.refusal(verifier, self.sign(without(claim))) == "claim_missing"

    @pytest.mark.parametrize(
        ("claim", "value"),
        [
            ("sub", ""),
            ("sub", 7),
            ("sub", None),
            ("sub", "a" * 129),
            ("sub", "a\x00b"),
            ("tenant", "a/b"),
            ("tenant", "~fence"),
            ("tenant", ["acme"]),
            ("exp", "tomorrow"),
            ("exp", True),
            ("exp", -1),
            ("exp", 1e300),
            ("nbf", {}),
            ("scope", 7),
            ("scope", ["read", 7]),
        ],
    )
    async def test_a_claim_of_a_wrong_form_is_refused(self, verifier: TokenVerifier, claim: str, value: object) -> None:
        assert await self.refusal(verifier, self.sign({**GOOD, claim: value})) == "claim_invalid"

    async def test_another_issuer_is_refused(self, verifier: TokenVerifier) -> None:
        assert await self.refusal(verifier, self.sign({**GOOD, "iss": "https://evil.example"})) == "wrong_issuer"

    @pytest.mark.parametrize("aud", ["mail", ["mail", "web"], [], None, "presence2", ["pres", "ence"], {"presence": 1}])
    async def test_another_audience_is_refused(self, verifier: TokenVerifier, aud: object) -> None:
        assert await self.refusal(verifier, self.sign({**GOOD, "aud": aud})) == "wrong_audience"

    async def test_a_signature_of_somebody_else_is_refused(self, verifier: TokenVerifier) -> None:
        assert await self.refusal(verifier, self.sign_by_another(GOOD)) == "bad_signature"

    async def test_a_signature_is_checked_before_claims(self, verifier: TokenVerifier) -> None:
        assert await self.refusal(verifier, self.sign_by_another({**GOOD, "exp": 1})) == "bad_signature"

    @pytest.mark.parametrize(
        "token", ["", ".", "..", "a.b.c", "a.b", "\ud800.b.c", "é.b.c", " ", "a" * 10_000, "e30.e30.", "\x00"]
    )
    async def test_garbage_is_malformed(self, verifier: TokenVerifier, token: str) -> None:
        assert await self.refusal(verifier, token) in {"malformed", "alg_not_allowed"}

    async def test_a_refusal_never_repeats_the_token(self, verifier: TokenVerifier) -> None:
        token = self.sign_by_another(GOOD)

        with pytest.raises(InvalidToken) as refused:
            await verifier.verify(token, NOW)

        assert token not in str(refused.value)
        assert token.split(".")[1] not in str(refused.value)
