"""From a hello to a session: what its token allows, and what is said about the session and to the client."""

from collections.abc import Callable
from dataclasses import dataclass

from presence.domain.commands import Attachment
from presence.domain.ids import ConnectionId, DeviceId, NodeEpoch, NodeId, SessionId, UserKey
from presence.domain.views import Audience
from presence.ports import Claims, IdSource
from presence.wire.frames import Hello, Timing, Welcome
from ws_edge import requests
from ws_edge.config import EdgeConfig
from ws_edge.effects import Instant

SEE_THROUGH_SCOPE = "presence:see-invisible"
"""Scope of a token whose bearer sees invisible users as what they are."""

_EXPIRY_LEEWAY_MS = 5_000


@dataclass(frozen=True, slots=True)
class Home:
    """What all connections of one life of a node share."""

    config: EdgeConfig
    node: NodeId
    node_epoch: NodeEpoch
    ids: IdSource
    knows_session: Callable[[UserKey, SessionId], bool]


def audience_of(claims: Claims) -> Audience:
    """What the bearer of a token may see."""
    return Audience.FULL if SEE_THROUGH_SCOPE in claims.scopes else Audience.PUBLIC


def expiry_of(claims: Claims, now: Instant) -> int | None:
    """When the connection must have a new token, ms of the steady clock."""
    if claims.expires_at is None:
        return None
    return now.mono + (claims.expires_at - now.wall) + _EXPIRY_LEEWAY_MS


def attachment_of(hello: Hello, claims: Claims, home: Home, connection: ConnectionId, session: SessionId) -> Attachment:
    """What the connection will say about its session. Raises `InvalidField`."""
    return Attachment(
        claims.user,
        session,
        connection,
        home.node,
        home.node_epoch,
        DeviceId(hello.device or "default"),
        frozenset(requests.room_ids(hello.rooms)),
        hello.meta,
        hello.activity,
    )


def welcome_to(own: Attachment, claims: Claims, config: EdgeConfig, now: Instant, *, resumed: bool) -> Welcome:
    """The answer to a hello whose session is durable; without its id."""
    timing = Timing(config.ping_ms, config.pong_wait_ms, config.grace_ms, config.idle_ms)
    return Welcome(
        own.session, own.connection, claims.tenant, own.user, own.device, own.node, resumed, now.wall, timing
    )
