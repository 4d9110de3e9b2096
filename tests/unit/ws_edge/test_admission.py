"""From a hello to a session."""

from presence.adapters.memory.time import CountingIds
from presence.domain.ids import ConnectionId, Millis, NodeEpoch, NodeId, SessionId
from presence.domain.status import Activity
from presence.domain.views import Audience
from presence.wire.frames import Hello
from tests.support.driven import claims
from ws_edge.admission import SEE_THROUGH_SCOPE, Home, attachment_of, audience_of, expiry_of, welcome_to
from ws_edge.config import EdgeConfig
from ws_edge.effects import Instant

CONFIG = EdgeConfig(node="n1", grace_ms=7_000)
HOME = Home(CONFIG, NodeId("n1"), NodeEpoch(3), CountingIds(), lambda _key, _session: False)
NOW = Instant(Millis(1_000_000), 500)


def test_only_the_scope_sees_through_invisible() -> None:
    assert audience_of(claims("a", "t", "other")) is Audience.PUBLIC
    assert audience_of(claims("a", "t", "other", SEE_THROUGH_SCOPE)) is Audience.FULL


def test_a_token_ends_by_the_steady_clock_after_a_leeway() -> None:
    assert expiry_of(claims(expires_at=1_002_000), NOW) == 500 + 2_000 + 5_000
    assert expiry_of(claims(), NOW) is None


def test_what_a_hello_says_is_what_the_session_will_be() -> None:
    hello = Hello("token", rooms=["b", "a", "b"], meta={"x": 1}, activity=Activity.BUSY)

    own = attachment_of(hello, claims(), HOME, ConnectionId("c"), SessionId("s"))

    assert (own.user, own.session, own.connection) == ("alice", "s", "c")
    assert (own.node, own.node_epoch, own.device) == ("n1", 3, "default")
    assert (own.rooms, own.meta, own.activity) == ({"a", "b"}, {"x": 1}, Activity.BUSY)


def test_a_welcome_publishes_the_timings_of_the_edge() -> None:
    own = attachment_of(Hello("token", device="phone"), claims(), HOME, ConnectionId("c"), SessionId("s"))

    welcome = welcome_to(own, claims(), CONFIG, NOW, resumed=True)

    assert (welcome.tenant, welcome.device, welcome.resumed, welcome.time) == ("acme", "phone", True, 1_000_000)
    assert welcome.timing.grace_ms == 7_000
