"""The verifier of HS256 tokens keeps the contract."""

from collections.abc import Mapping
from typing import Any

import jwt
import pytest

from presence.adapters.jwt.config import TokenConfig
from presence.adapters.jwt.tokens import HmacTokenVerifier
from tests.contract.token_verifier_contract import AUDIENCE, ISSUER, TokenVerifierContract

SECRET = "s" * 32
ANOTHER = "t" * 32


class TestHmacTokenVerifier(TokenVerifierContract):
    """`HmacTokenVerifier` under the contract."""

    @pytest.fixture
    def verifier(self) -> HmacTokenVerifier:
        return HmacTokenVerifier(TokenConfig(SECRET, AUDIENCE, ISSUER))

    def sign(self, claims: Mapping[str, Any]) -> str:
        return jwt.encode(dict(claims), SECRET, algorithm="HS256")

    def sign_by_another(self, claims: Mapping[str, Any]) -> str:
        return jwt.encode(dict(claims), ANOTHER, algorithm="HS256")
