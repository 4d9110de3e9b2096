"""One connection as a state machine: frames, ticks and results in, effects out. No I/O, no clock.

    NEW --hello--> VERIFYING --verified--> OPENING --appended--> OPEN --goodbye, close, error--> GONE
     ^                                        |
     +----------- the log is away ------------+          (open) --our shutdown--> DRAINING --> GONE

A command is answered `ack` only when its event is durable, and answers of commands come in the order of the commands.
An append that fails is *uncertain*: it may be in the log. The command is taken back, and before anything else is
appended (or as soon as the log answers again) the whole session is said anew, so that the log agrees with what was
acknowledged.
"""

from enum import Enum, auto
from typing import assert_never

from msgspec.structs import replace

from presence.domain.commands import Attachment, Command, Open, SetActivity
from presence.domain.errors import PresenceError
from presence.domain.ids import ConnectionId, Millis, SessionId, UserKey, user_key
from presence.domain.status import Activity, LostReason
from presence.ports import Claims
from presence.wire import frames as f
from ws_edge import requests
from ws_edge.admission import Home, attachment_of, audience_of, expiry_of, welcome_to
from ws_edge.codes import Code
from ws_edge.effects import Attach, CloseSocket, Depart, Effect, Follow, Instant, Send, SendPing, Unfollow, Verify
from ws_edge.interest import Subscriber
from ws_edge.limits import Conduct
from ws_edge.liveness import Due, Liveness
from ws_edge.session import Entry, SessionWriter, Then

_RESTATE_MS = 1_000
_LOST_BECAUSE = {Code.SLOW_CONSUMER: LostReason.SLOW, Code.PONG_TIMEOUT: LostReason.PONG_TIMEOUT}


class Phase(Enum):
    """How far a connection is."""

    NEW = auto()
    VERIFYING = auto()
    OPENING = auto()
    OPEN = auto()
    DRAINING = auto()
    GONE = auto()


class Connection:
    """The protocol of one connection. Every method returns the effects to carry out, in order."""

    __slots__ = (
        "_claims", "_conduct", "_dozed", "_expires", "_held", "_hello", "_hello_by", "_home", "_id", "_live",
        "_restate_at", "_resumed", "_writer", "phase", "subscriber",
    )  # fmt: skip

    def __init__(self, home: Home, subscriber: Subscriber, now: Instant) -> None:
        self._home = home
        self.subscriber = subscriber
        self.phase = Phase.NEW
        self._id = ConnectionId(home.ids.new_id())
        self._conduct = Conduct(home.config.limits, now.mono)
        self._live = Liveness(home.config, now.mono)
        self._hello_by: int | None = now.mono + home.config.hello_ms
        self._hello: f.Hello | None = None
        self._held: list[f.ClientFrame] = []
        self._claims: Claims | None = None
        self._expires: int | None = None
        self._writer: SessionWriter | None = None
        self._resumed = False
        self._restate_at: int | None = None
        self._dozed = False

    # --- what arrives -----------------------------------------------------------------------------------------

    def heard(self, now: Instant) -> None:
        """Bytes arrived."""
        self._live.heard(now.mono)

    def receive(self, text: str, now: Instant) -> list[Effect]:
        """Take in one text message."""
        if self.phase is Phase.GONE:
            return []
        if not self._conduct.admit(now.mono):
            return self._over_rate(now)
        frame = requests.parse(text)
        if isinstance(frame, f.Error):
            return self._refuse(frame, now)
        if self.phase is Phase.NEW:
            return self._first(frame, now)
        if self.phase is Phase.VERIFYING:
            return self._hold(frame, now)
        return self._handle(frame, now)

    def receive_binary(self, now: Instant) -> list[Effect]:
        """Take in a binary message: this protocol is text."""
        return self.close(Code.UNSUPPORTED, now)

    def pinged(self, now: Instant, *, is_backed_up: bool) -> list[Effect]:
        """Take in a WebSocket ping, whose answer is written already. It counts as a message."""
        if self._conduct.admit(now.mono):
            return []
        # Answers that are not read pile up faster than any wait could tell.
        if is_backed_up:
            return self.close(Code.SLOW_CONSUMER, now)
        return self.close(Code.RATE_LIMITED, now) if self._conduct.is_over_rate_for_long(now.mono) else []

    def verified(self, claims: Claims, frame_id: str | None, now: Instant) -> list[Effect]:
        """The token of a hello is good."""
        if self.phase in (Phase.GONE, Phase.DRAINING):
            return []
        if self._claims is not None and (claims.tenant, claims.user) != (self._claims.tenant, self._claims.user):
            return self.close(Code.INVALID_TOKEN, now)
        audience = audience_of(claims)
        if self.subscriber.is_watching and audience is not self.subscriber.audience:
            return self.close(Code.STATE_GAP, now)
        self._claims = claims
        self._hello_by = None
        self._expires = expiry_of(claims, now)
        self.subscriber.tenant, self.subscriber.audience = claims.tenant, audience
        if self.phase is Phase.VERIFYING:
            return self._open(claims, now)
        return self._answer(frame_id, now)

    def refused(self, now: Instant) -> list[Effect]:
        """The token of a hello is not good."""
        return self.close(Code.INVALID_TOKEN, now)

    def appended(self, number: int, now: Instant, *, succeeded: bool) -> list[Effect]:
        """An append ended."""
        if self._writer is None or self.phase is Phase.GONE:
            return []
        self._writer.appended(number, succeeded=succeeded)
        return self._settle(now)

    def lost(self, now: Instant, *, said_goodbye: bool) -> list[Effect]:
        """The socket is gone; ``said_goodbye``: by a close frame of 1000 or without a code."""
        return self._leave(None if said_goodbye else LostReason.SOCKET, now)

    # --- what we do -------------------------------------------------------------------------------------------

    def tick(self, now: Instant) -> list[Effect]:
        """Do what is due."""
        if self.phase is Phase.GONE:
            return []
        if self._hello_by is not None and now.mono >= self._hello_by:
            return self.close(Code.AUTH_TIMEOUT, now)
        if self._expires is not None and now.mono >= self._expires:
            return self.close(Code.TOKEN_EXPIRED, now)
        effects: list[Effect] = []
        due = self._live.check(now.mono)
        if due is Due.DEAD:
            return self.close(Code.PONG_TIMEOUT, now)
        if due is Due.PING:
            effects.append(SendPing())
        if self.phase is Phase.OPEN and self._writer is not None:
            if self._restate_at is not None and now.mono >= self._restate_at:
                self._restate_at = None
                effects += self._writer.restate(now) if self._writer.is_uncertain else []
            if self._live.is_idle(now.mono) and self._may_doze(self._writer):
                self._dozed = True
                effects += self._submit(SetActivity(Activity.IDLE), Then.NOTHING, None, now)
        return effects

    def next_tick(self) -> int:
        """When `tick` may have something to do, ms of the steady clock."""
        times = [self._live.next_check()]
        times += [t for t in (self._hello_by, self._expires, self._restate_at) if t is not None]
        if self.phase is Phase.OPEN and self._writer is not None and self._may_doze(self._writer):
            times.append(self._live.next_idle())
        return min(times)

    @staticmethod
    def _may_doze(writer: SessionWriter) -> bool:
        # Not while the session is to be said anew: a log that is away would be asked again at each look.
        return writer.own.activity is Activity.ACTIVE and not writer.is_uncertain

    def close(self, code: Code, now: Instant, retry_after_ms: int | None = None) -> list[Effect]:
        """End the connection; its session keeps its grace."""
        if self.phase is Phase.GONE:
            return []
        return [*self._leave(_LOST_BECAUSE.get(code, LostReason.POLICY), now), CloseSocket(code, retry_after_ms)]

    def dismiss(self, code: Code, retry_after_ms: int | None = None) -> list[Effect]:
        """End the connection without a word about the session: it is no longer ours, or the word was said."""
        if self.phase is Phase.GONE:
            return []
        self.phase = Phase.GONE
        return [CloseSocket(code, retry_after_ms)]

    def drain(self, now: Instant) -> Depart | None:
        """Stop taking commands; the last word to append before `dismiss`, None when there is no session."""
        if self.phase in (Phase.DRAINING, Phase.GONE):
            return None
        self.phase = Phase.DRAINING
        # An opening that failed may be in the log: it needs a last word as well, or it would outlive the node.
        if self._writer is None:
            return None
        return self._writer.last_word(LostReason.DRAIN, Millis(self._home.config.drain_grace_ms), now)

    @property
    def attachment(self) -> Attachment | None:
        """What it says about its session; None before the first hello."""
        return None if self._writer is None else self._writer.own

    @property
    def is_leaving(self) -> bool:
        """Whether it said goodbye and waits for that to be durable."""
        return self._writer is not None and self._writer.is_leaving

    @property
    def session_key(self) -> UserKey | None:
        """Whose session it holds; None before the first hello."""
        return None if self._writer is None else self._writer.key

    # --- the hello --------------------------------------------------------------------------------------------

    def _first(self, frame: f.ClientFrame, now: Instant) -> list[Effect]:
        if not isinstance(frame, f.Hello):
            return self._not_open(frame, now)
        try:
            requests.check_hello(frame)
        except PresenceError as exc:
            return self._refuse(requests.refusal(exc, frame.id), now)
        self._hello = frame
        self.phase = Phase.VERIFYING
        return [Verify(frame.token, frame.id)]

    def _not_open(self, frame: f.ClientFrame, now: Instant) -> list[Effect]:
        """Answer who does not know yet that its opening failed; strangers are sent away."""
        if self._claims is None:
            return self.close(Code.INVALID_TOKEN, now)
        if isinstance(frame, f.Ping):
            return [Send(f.Pong(now.wall, frame.id))]
        return [Send(requests.error("log_unavailable", frame.id))]

    def _hold(self, frame: f.ClientFrame, now: Instant) -> list[Effect]:
        if len(self._held) >= self._home.config.limits.held_frames:
            return self._refuse(requests.error("rate_limited", frame.id), now)
        self._held.append(frame)
        return []

    def _open(self, claims: Claims, now: Instant) -> list[Effect]:
        hello = self._hello
        assert hello is not None  # noqa: S101 - VERIFYING is entered with a hello
        key = user_key(claims.tenant, claims.user)
        session = requests.session_id(hello.session)
        # A hello that failed may be in the log: the next one means the same session unless it names another.
        effects: list[Effect] = []
        earlier = self._writer.own.session if self._writer is not None else None
        if self._writer is not None and session not in (None, earlier):
            effects.append(self._writer.last_word(LostReason.SOCKET, Millis(self._home.config.grace_ms), now))
        self._resumed = session is not None and self._home.knows_session(key, session)
        name = session or earlier or SessionId(self._home.ids.new_id())
        own = attachment_of(hello, claims, self._home, self._id, name)
        self._writer = SessionWriter(key, own, self._home.config.limits.session, self._home.ids)
        try:
            effects += self._writer.submit(Open(), Then.WELCOME, hello.id, now)
        except PresenceError as exc:
            self._writer = None
            self.phase = Phase.NEW
            effects += self._refuse(requests.refusal(exc, hello.id), now)
            return [*effects, *self._turn_away(hello, now)]
        self.phase = Phase.OPENING
        return [*effects, *self._release(now)]

    def _welcome(self, frame_id: str | None, now: Instant) -> list[Effect]:
        own, claims = self.attachment, self._claims
        assert own is not None and claims is not None  # noqa: S101, PT018 - there was a hello
        self.phase = Phase.OPEN
        self._hello = None
        welcome = welcome_to(own, claims, self._home.config, now, resumed=self._resumed)
        answer = Send(replace(welcome, id=frame_id))
        return [Attach(user_key(claims.tenant, own.user)), answer, *self._release(now)]

    def _release(self, now: Instant) -> list[Effect]:
        """Handle the frames that waited."""
        held, self._held = self._held, []
        return [effect for frame in held for effect in self._handle(frame, now)]

    def _turn_away(self, frame: f.ClientFrame, now: Instant) -> list[Effect]:
        """Refuse the frames that waited for a session that did not open; the hello was answered."""
        held, self._held = self._held, []
        return [
            effect
            for other in held
            if other is not frame
            for effect in self._refuse(requests.error("log_unavailable", other.id), now)
        ]

    # --- commands ---------------------------------------------------------------------------------------------

    def _handle(self, frame: f.ClientFrame, now: Instant) -> list[Effect]:
        if self.phase is Phase.GONE:
            return []
        if isinstance(frame, f.Ping):
            return [Send(f.Pong(now.wall, frame.id))]
        if self.phase is Phase.DRAINING:
            return [Send(requests.error("draining", frame.id))]
        if isinstance(frame, f.Hello):
            return [Verify(frame.token, frame.id)]
        self._live.said(now.mono)
        if isinstance(frame, f.Watch | f.Resume | f.Unwatch):
            # Nothing may come before the welcome.
            return self._hold(frame, now) if self.phase is Phase.OPENING else self._interest(frame, now)
        effects: list[Effect] = []
        if self._dozed and not isinstance(frame, f.SayActivity | f.Goodbye):
            effects += self._submit(SetActivity(Activity.ACTIVE), Then.NOTHING, None, now)
        self._dozed = False
        try:
            command = requests.command_of(frame)
        except PresenceError as exc:
            return [*effects, *self._refuse(requests.refusal(exc, frame.id), now)]
        then = Then.LEAVE if isinstance(frame, f.Goodbye) else Then.ACK
        return [*effects, *self._submit(command, then, frame.id, now)]

    def _interest(self, frame: f.Watch | f.Resume | f.Unwatch, now: Instant) -> list[Effect]:
        try:
            users = requests.user_keys(self.subscriber.tenant, frame.users)
            rooms = requests.room_ids(frame.rooms)
        except PresenceError as exc:
            return self._refuse(requests.refusal(exc, frame.id), now)
        if isinstance(frame, f.Unwatch):
            return [Unfollow(users, rooms), *self._answer(frame.id, now)]
        if self.subscriber.would_exceed(self._home.config.limits, users, rooms):
            return self._refuse(requests.error("subscription_limit", frame.id), now)
        return [Follow(frame, users, rooms)]

    def _submit(self, command: Command, then: Then, frame_id: str | None, now: Instant) -> list[Effect]:
        writer = self._writer
        assert writer is not None  # noqa: S101 - commands are handled after a hello only
        if writer.backlog >= self._home.config.limits.pending:
            return [] if then is Then.NOTHING else [Send(requests.error("rate_limited", frame_id))]
        try:
            effects = writer.submit(command, then, frame_id, now)
        except PresenceError as exc:
            return self._refuse(requests.refusal(exc, frame_id), now)
        return [*effects, *self._settle(now)]

    def _answer(self, frame_id: str | None, now: Instant) -> list[Effect]:
        assert self._writer is not None  # noqa: S101 - as above
        self._writer.answer(frame_id)
        return self._settle(now)

    def _settle(self, now: Instant) -> list[Effect]:
        assert self._writer is not None  # noqa: S101 - as above
        effects: list[Effect] = []
        for entry, succeeded in self._writer.settle():
            effects += self._conclude(entry, now) if succeeded else self._fail(entry, now)
        return effects

    def _conclude(self, entry: Entry, now: Instant) -> list[Effect]:
        match entry.then:
            case Then.WELCOME:
                return self._welcome(entry.frame_id, now)
            case Then.ACK:
                return [Send(f.Ack(entry.frame_id))]
            case Then.LEAVE:
                return [Send(f.Ack(entry.frame_id)), *self.dismiss(Code.GOODBYE)]
            case Then.NOTHING:
                return []
            case _:
                assert_never(entry.then)

    def _fail(self, entry: Entry, now: Instant) -> list[Effect]:
        if entry.then is Then.WELCOME:
            return self._fail_to_open(entry)
        self._restate_at = now.mono + _RESTATE_MS
        return [] if entry.then is Then.NOTHING else [Send(requests.error("log_unavailable", entry.frame_id))]

    def _fail_to_open(self, entry: Entry) -> list[Effect]:
        assert self._writer is not None  # noqa: S101 - as above
        self.phase = Phase.NEW
        unanswered = [entry.frame_id]
        unanswered += [e.frame_id for e in self._writer.abandon() if e.then is not Then.NOTHING]
        unanswered += [frame.id for frame in self._held]
        self._held = []
        return [Send(requests.error("log_unavailable", frame_id)) for frame_id in unanswered]

    # --- trouble and endings ----------------------------------------------------------------------------------

    def _refuse(self, error: f.Error, now: Instant) -> list[Effect]:
        code = self._conduct.blame(error.code, now.mono)
        return [Send(error), *(self.close(code, now) if code is not None else [])]

    def _over_rate(self, now: Instant) -> list[Effect]:
        if self._conduct.is_over_rate_for_long(now.mono):
            return self.close(Code.RATE_LIMITED, now)
        return [Send(requests.error("rate_limited"))]

    def _leave(self, reason: LostReason | None, now: Instant) -> list[Effect]:
        """Say the last word about the session, if we may and if there is one (an uncertain hello may be one)."""
        may, self.phase = self.phase not in (Phase.DRAINING, Phase.GONE), Phase.GONE
        if not may or self._writer is None:
            return []
        return [self._writer.last_word(reason, Millis(self._home.config.grace_ms), now)]
