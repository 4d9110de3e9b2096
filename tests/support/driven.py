"""A connection's state machine at the end of strings: frames and results in by hand, effects looked at."""

import json
from typing import Any, TypeVar

from presence.adapters.memory.time import CountingIds, FakeClock
from presence.domain.events import UserEvent
from presence.domain.ids import Millis, NodeEpoch, NodeId, SessionId, TenantId, UserId, UserKey
from presence.ports import Claims
from presence.wire.frames import Error, ServerFrame
from ws_edge.admission import Home
from ws_edge.codes import Code
from ws_edge.config import EdgeConfig, EdgeLimits
from ws_edge.effects import Append, CloseSocket, Depart, Effect, Instant, Send
from ws_edge.interest import Subscriber
from ws_edge.protocol import Connection

E = TypeVar("E")


def claims(user: str = "alice", tenant: str = "acme", *scopes: str, expires_at: int | None = None) -> Claims:
    """What a token says."""
    until = None if expires_at is None else Millis(expires_at)
    return Claims(TenantId(tenant), UserId(user), frozenset(scopes), until)


class Driven:
    """One connection, its clock, and everything it ever wanted done."""

    def __init__(self, *, limits: EdgeLimits | None = None, known: bool = False, **config: Any) -> None:
        self.clock = FakeClock()
        self.config = EdgeConfig(node="n1", limits=limits or EdgeLimits(), **config)
        home = Home(self.config, NodeId("n1"), NodeEpoch(7), CountingIds(), lambda _key, _session: known)
        self.subscriber = Subscriber(self)
        self.connection = Connection(home, self.subscriber, self.now)
        self.effects: list[Effect] = []
        self._appends: list[Append] = []

    @property
    def now(self) -> Instant:
        """The time."""
        return Instant(self.clock.now(), int(self.clock.monotonic() * 1000))

    def did(self, effects: list[Effect]) -> list[Effect]:
        """Take note of effects; returns them."""
        self.effects += effects
        self._appends += [effect for effect in effects if isinstance(effect, Append)]
        return effects

    # --- what a client and the shell do ---------------------------------------------------------------------------

    def say(self, t: str, **fields: Any) -> list[Effect]:
        """The client sends a frame."""
        return self.send(json.dumps({"t": t, **fields}))

    def send(self, text: str) -> list[Effect]:
        """The client sends a text."""
        return self.did(self.connection.receive(text, self.now))

    def hello(self, frame_id: str | None = "h", **fields: Any) -> list[Effect]:
        """The client says hello."""
        return self.say("hello", token="token", id=frame_id, **fields)

    def verified(self, who: Claims | None = None, frame_id: str | None = "h") -> list[Effect]:
        """The token is good."""
        return self.did(self.connection.verified(who or claims(), frame_id, self.now))

    def append_ends(self, *, succeeded: bool = True) -> list[Effect]:
        """The oldest append that is under way ends."""
        append = self._appends.pop(0)
        return self.did(self.connection.appended(append.number, self.now, succeeded=succeeded))

    def last_append_ends(self, *, succeeded: bool = True) -> list[Effect]:
        """The newest one ends."""
        append = self._appends.pop()
        return self.did(self.connection.appended(append.number, self.now, succeeded=succeeded))

    def pass_time(self, ms: int) -> list[Effect]:
        """Time passes, then the connection is looked at."""
        self.clock.advance(ms)
        return self.did(self.connection.tick(self.now))

    def welcomed(self, who: Claims | None = None, **hello: Any) -> "Driven":
        """Have the session open."""
        self.hello(**hello)
        self.verified(who)
        self.append_ends()
        return self

    # --- what came of it ------------------------------------------------------------------------------------------

    @property
    def under_way(self) -> int:
        """Appends that have not ended."""
        return len(self._appends)

    @property
    def session(self) -> SessionId:
        """The session it holds."""
        own = self.connection.attachment
        assert own is not None
        return own.session


def of(effects: list[Effect], kind: type[E]) -> list[E]:
    """The effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]


def sent(effects: list[Effect]) -> list[ServerFrame]:
    """The frames sent."""
    return [effect.frame for effect in of(effects, Send)]


def errors(effects: list[Effect]) -> list[tuple[str, str | None]]:
    """The errors sent: (code, id)."""
    return [(frame.code, frame.id) for frame in sent(effects) if isinstance(frame, Error)]


def appended(effects: list[Effect]) -> list[UserEvent]:
    """The events to append."""
    return [effect.event for effect in of(effects, Append)]


def departed(effects: list[Effect]) -> list[UserEvent]:
    """The last words."""
    return [effect.event for effect in of(effects, Depart)]


def code(effects: list[Effect]) -> Code | None:
    """The close code; None when it stays open."""
    closed = of(effects, CloseSocket)
    return closed[0].code if closed else None


ALICE = UserKey("acme/alice")
