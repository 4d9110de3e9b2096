"""Names of things, as distinct types, and the rules that make a string a legal name."""

import re
from typing import NewType

from presence.domain.errors import InvalidField

TenantId = NewType("TenantId", str)
UserId = NewType("UserId", str)
DeviceId = NewType("DeviceId", str)
SessionId = NewType("SessionId", str)
ConnectionId = NewType("ConnectionId", str)
NodeId = NewType("NodeId", str)
NodeEpoch = NewType("NodeEpoch", int)
RoomId = NewType("RoomId", str)
EventId = NewType("EventId", str)
UserKey = NewType("UserKey", str)
"""``tenant/user``: the Kafka key of everything about one user."""

Millis = NewType("Millis", int)
"""Milliseconds since 1970-01-01 UTC, or a length of time in milliseconds."""

CONTROL_MARK = "~"
"""First character of keys that name no user (fences, ticks). No tenant may begin with it."""

# Tenants appear in metric labels, keys and SQL: keep them plain.
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# 128: Pusher's user ids, and an e-mail address of any practical length, fit.
_NAME_MAX = 128
# Control characters break terminals and logs, lone surrogates break UTF-8, U+FFFE/F are no characters.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def tenant_id(text: str, field: str = "tenant") -> TenantId:
    """Accept ``text`` as a tenant id or raise `InvalidField`."""
    if not _TENANT.fullmatch(text):
        raise InvalidField(field, "1 to 64 of A-Z a-z 0-9 . _ - beginning with a letter or digit")
    return TenantId(text)


def name(text: str, field: str) -> str:
    """Accept ``text`` as the name of a user, device, session or room, or raise `InvalidField`."""
    if not 0 < len(text) <= _NAME_MAX:
        raise InvalidField(field, f"1 to {_NAME_MAX} characters")
    if _FORBIDDEN.search(text):
        raise InvalidField(field, "control characters and surrogates are not allowed")
    return text


def user_key(tenant: TenantId, user: UserId) -> UserKey:
    """Join a tenant and a user; `split_key` is the inverse (tenants hold no slash, users may)."""
    return UserKey(f"{tenant}/{user}")


def split_key(key: UserKey) -> tuple[TenantId, UserId]:
    """Split a key at its first slash."""
    tenant, _, user = key.partition("/")
    return TenantId(tenant), UserId(user)


def is_user_key(key: str) -> bool:
    """Tell a user's key from a control record's and from garbage."""
    tenant, slash, user = key.partition("/")
    return bool(slash) and _TENANT.fullmatch(tenant) is not None and _is_name(user)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _NAME_MAX and not _FORBIDDEN.search(text)
