"""Every close code and every in-band error code, in one table each: what it is called and what a client does then.

4001 to 4099 and 1001, 1011, 1012, 1013: come back. 4500 to 4599 and the rest: do not, until something changed.
"""

from enum import IntEnum
from typing import NamedTuple


class Code(IntEnum):
    """Close codes we send."""

    GOODBYE = 1000
    PROTOCOL_ERROR = 1002
    UNSUPPORTED = 1003
    BAD_UTF8 = 1007
    TOO_BIG = 1009
    INTERNAL = 1011
    RESTART = 1012
    TRY_LATER = 1013
    TOKEN_EXPIRED = 4001
    STATE_GAP = 4002
    SLOW_CONSUMER = 4003
    RATE_LIMITED = 4004
    PONG_TIMEOUT = 4005
    BAD_REQUEST = 4500
    INVALID_TOKEN = 4501
    REVOKED = 4502
    AUTH_TIMEOUT = 4503
    CONNECTION_LIMIT = 4504
    SUBSCRIPTION_LIMIT = 4505
    TOO_MANY_ERRORS = 4506
    FORBIDDEN = 4507
    KICKED = 4508
    IMPERSONATION_ENDED = 4509
    REPLACED = 4510


class Meaning(NamedTuple):
    """What a close code tells a client."""

    name: str
    reconnect: bool
    text: str


CLOSE_CODES: dict[Code, Meaning] = {
    Code.GOODBYE: Meaning("goodbye", False, "the session ended as you asked"),
    Code.PROTOCOL_ERROR: Meaning("protocol_error", False, "not the WebSocket protocol"),
    Code.UNSUPPORTED: Meaning("unsupported", False, "binary frames are not spoken here"),
    Code.BAD_UTF8: Meaning("bad_utf8", False, "text that is not UTF-8"),
    Code.TOO_BIG: Meaning("too_big", False, "a message over 64 KiB"),
    Code.INTERNAL: Meaning("internal", True, "we failed; come back with back-off"),
    Code.RESTART: Meaning("restart", True, "this node restarts, or your session on it is over; come back"),
    Code.TRY_LATER: Meaning("try_later", True, "this node cannot serve you now"),
    Code.TOKEN_EXPIRED: Meaning("token_expired", True, "the token ran out; come back with a new one"),
    Code.STATE_GAP: Meaning("state_gap", True, "what you hold may be incomplete; come back and watch anew"),
    Code.SLOW_CONSUMER: Meaning("slow_consumer", True, "you read too slowly"),
    Code.RATE_LIMITED: Meaning("rate_limited", True, "over the message rate for too long"),
    Code.PONG_TIMEOUT: Meaning("pong_timeout", True, "no answer to a ping"),
    Code.BAD_REQUEST: Meaning("bad_request", False, "the request cannot be served"),
    Code.INVALID_TOKEN: Meaning("invalid_token", False, "no token, or one that proves nothing"),
    Code.REVOKED: Meaning("revoked", False, "the token or the user was revoked"),
    Code.AUTH_TIMEOUT: Meaning("auth_timeout", False, "no hello in time"),
    Code.CONNECTION_LIMIT: Meaning("connection_limit", False, "too many connections"),
    Code.SUBSCRIPTION_LIMIT: Meaning("subscription_limit", False, "watching too much, repeatedly"),
    Code.TOO_MANY_ERRORS: Meaning("too_many_errors", False, "too many commands that cannot be understood"),
    Code.FORBIDDEN: Meaning("forbidden", False, "not allowed"),
    Code.KICKED: Meaning("kicked", False, "the session was closed by an administrator"),
    Code.IMPERSONATION_ENDED: Meaning("impersonation_ended", False, "the impersonation is over"),
    Code.REPLACED: Meaning("replaced", False, "another connection took the session over"),
}
"""The table; docs/reference/protocol.md repeats it and a test compares the two."""

RESERVED: dict[Code, str] = {
    Code.BAD_REQUEST: "a dialect whose connect request cannot be served (Phoenix, Pusher)",
    Code.REVOKED: "revocation of tokens and users: the admin API tells every edge",
    Code.CONNECTION_LIMIT: "more connections of one user than its tenant allows, checked when a session opens",
    Code.FORBIDDEN: "a tenant's policy refuses the connection, checked when a session opens",
    Code.KICKED: "the admin API closes a session (reason kicked) and tells the edge that holds it",
    Code.IMPERSONATION_ENDED: "an admin's impersonation runs out or is stopped",
}
"""Codes that clients know already and nobody sends yet -> what will send them. A row that merely lacks a session is
none of these: it may have run out while this node was frozen (`ws_edge.ownership`)."""


class ErrorCode(NamedTuple):
    """What an in-band error tells a client. ``counts``: towards `Code.TOO_MANY_ERRORS`."""

    retry: bool
    counts: bool
    text: str


ERROR_CODES: dict[str, ErrorCode] = {
    "bad_json": ErrorCode(False, True, "not one JSON text"),
    "bad_message": ErrorCode(False, True, "not a JSON object"),
    "unknown_type": ErrorCode(False, True, "t names no command"),
    "invalid_field": ErrorCode(False, True, "a field is missing, unknown, of a wrong type or out of range"),
    "too_large": ErrorCode(False, True, "something exceeds its limit"),
    "limit_exceeded": ErrorCode(False, True, "a limit of the session would be passed"),
    "subscription_limit": ErrorCode(False, True, "more users or rooms than one connection may watch"),
    "forbidden": ErrorCode(False, True, "not allowed"),
    "rate_limited": ErrorCode(True, False, "over the message rate; slow down and send it again"),
    "log_unavailable": ErrorCode(True, False, "the log does not acknowledge; send it again"),
    "draining": ErrorCode(True, False, "this node restarts; send it again after you reconnected"),
}
"""In-band error codes: the ``code`` of an `Error` frame."""
