"""Settings of the token verifier."""

import pytest

from presence.adapters.jwt.config import MIN_SECRET_BYTES, TokenConfig
from presence.domain.errors import SetupError


def test_a_secret_shorter_than_the_hash_is_refused_with_a_remedy() -> None:
    with pytest.raises(SetupError, match="31 bytes, 32 are needed") as refused:
        TokenConfig("s" * 31)

    assert "secrets.token_urlsafe" in refused.value.remedy


def test_the_length_of_a_secret_is_counted_in_bytes() -> None:
    assert TokenConfig("é" * (MIN_SECRET_BYTES // 2)).secret == "é" * 16


def test_a_negative_leeway_is_refused() -> None:
    with pytest.raises(SetupError, match="leeway"):
        TokenConfig("s" * 32, leeway_ms=-1)


def test_the_secret_is_not_shown() -> None:
    assert "sss" not in repr(TokenConfig("s" * 32))
