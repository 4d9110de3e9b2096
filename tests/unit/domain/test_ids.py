"""Legal names and keys."""

import pytest

from presence.domain.errors import InvalidField
from presence.domain.ids import TenantId, UserId, UserKey, is_user_key, name, split_key, tenant_id, user_key


@pytest.mark.parametrize("text", ["a", "Acme-2.test_x", "0", "a" * 64])
def test_plain_tenants_are_accepted(text: str) -> None:
    assert tenant_id(text) == text


@pytest.mark.parametrize("text", ["", "a" * 65, "-a", ".a", "~a", "a/b", "a b", "é", "a\n", "\na"])
def test_other_tenants_are_refused_by_the_name_of_their_field(text: str) -> None:
    with pytest.raises(InvalidField) as refused:
        tenant_id(text, "hello.tenant")

    assert refused.value.field == "hello.tenant"


@pytest.mark.parametrize("text", ["a", "Жанна", "a/b", "user@example.org", "🦉", " ", "x" * 128])
def test_names_of_any_script_are_accepted(text: str) -> None:
    assert name(text, "user") == text


@pytest.mark.parametrize(
    "text", ["", "x" * 129, "a\x00", "\x1b[2J", "a\x7f", "\x85", "a\u2028", "\ud800", "\ufffe", "a\n"]
)
def test_names_that_break_terminals_logs_or_utf8_are_refused(text: str) -> None:
    with pytest.raises(InvalidField, match="user"):
        name(text, "user")


@pytest.mark.parametrize("user", ["alice", "a/b", "/", "~x"])
def test_splitting_a_key_undoes_joining_it(user: str) -> None:
    key = user_key(TenantId("acme"), UserId(user))

    assert split_key(key) == ("acme", user)
    assert is_user_key(key)


@pytest.mark.parametrize("key", ["", "/", "acme", "acme/", "/alice", "~fence/0/n1", "~tick", "a b/alice"])
def test_garbage_and_control_keys_name_no_user(key: str) -> None:
    assert not is_user_key(key)


@pytest.mark.parametrize("user", ["x" * 129, "a\x00b", "a\nb"])
def test_a_key_with_an_illegal_user_names_no_user(user: str) -> None:
    """It did; such a record was folded into the table and then refused by Postgres, which stores no U+0000."""
    assert not is_user_key(UserKey(f"acme/{user}"))
