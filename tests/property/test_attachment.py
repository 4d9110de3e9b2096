"""A connection and the fold never disagree: what it believes of its session is what its events make of it."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from presence.domain.commands import (
    Attachment,
    ClearOverride,
    Close,
    Command,
    JoinRoom,
    LeaveRoom,
    Limits,
    Lose,
    Open,
    SetActivity,
    SetMeta,
    SetOverride,
    decide,
)
from presence.domain.errors import InvalidInput, LimitExceeded
from presence.domain.events import Stamp
from presence.domain.fold import evolve
from presence.domain.ids import ConnectionId, DeviceId, EventId, Millis, NodeEpoch, NodeId, RoomId, SessionId, UserId
from presence.domain.state import LAST_ACTIVE_BUCKET_MS, Live, UserPresence
from presence.domain.status import Activity, LostReason, Status
from presence.wire.events import HEADERS, decode_event, encode_event
from tests.support import strategies as some
from tests.support.facts import T0

LIMITS = Limits(rooms=2, meta_bytes=40, meta_keys=2, meta_depth=2, note_chars=5, override_ms=Millis(1_000))

rooms = st.sampled_from(["r1", "r2", "r3"]).map(RoomId)
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(JoinRoom, rooms),
    st.builds(LeaveRoom, rooms),
    st.builds(SetActivity, some.activities),
    st.builds(SetMeta, st.sampled_from([{}, {"a": 1}, {"a": [[1]]}]) | some.metas),
    st.builds(
        SetOverride,
        some.statuses,
        st.sampled_from(["", "lunch", "lunch!"]),
        st.sampled_from([None, -1, 0, 1, 1_000, 1_001]),
    ),
    st.just(ClearOverride()),
)


class ConnectionMachine(RuleBasedStateMachine):
    """One session, held by one connection after the other; every event passes through its wire form."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.offset = -1
        self.connections = 0
        self.own: Attachment | None = None
        self.kept: dict[str, Any] = {}
        self.state: UserPresence | None = None

    @precondition(lambda self: self.own is None)
    @rule(comes_back=st.booleans())
    def open(self, comes_back: bool) -> None:
        """A connection takes the session, announcing what the device remembers of it, or nothing."""
        self.connections += 1
        fresh = Attachment(
            UserId("alice"),
            SessionId("s1"),
            ConnectionId(f"c{self.connections}"),
            NodeId("n1"),
            NodeEpoch(1),
            DeviceId("phone"),
        )
        self.own = replace(fresh, **self.kept) if comes_back else fresh
        self.ask(Open())

    @precondition(lambda self: self.own is not None)
    @rule(command=commands)
    def speak(self, command: Command) -> None:
        """The connection asks for something, sensible or not."""
        self.ask(command)
        if isinstance(command, SetActivity) and command.activity is not Activity.IDLE:
            assert self.own is not None
            assert self.state is not None
            # Its own granularity, and that of events that were spared.
            assert self.now - self.state.sessions[self.own.session].last_active < 2 * LAST_ACTIVE_BUCKET_MS

    @precondition(lambda self: self.own is not None)
    @rule(command=st.sampled_from([Close(), Lose(LostReason.SOCKET, Millis(15_000))]))
    def end(self, command: Command) -> None:
        """The connection ends; the device remembers what it last knew."""
        self.ask(command)
        assert self.own is not None
        self.kept = {"rooms": self.own.rooms, "meta": self.own.meta, "activity": self.own.activity}
        self.own = None

    @rule(ms=st.sampled_from([1, 59_999, 60_000, 150_000]))
    def pass_time(self, ms: int) -> None:
        """Time passes."""
        self.now += ms

    def ask(self, command: Command) -> None:
        """Decide, and let the log carry the event; what is refused changes nothing."""
        assert self.own is not None
        before = self.own
        try:
            self.own, event = decide(command, before, EventId("e"), Millis(self.now), LIMITS)
        except (InvalidInput, LimitExceeded):
            assert not isinstance(command, Open | Close | Lose | ClearOverride | LeaveRoom)
            return
        if event is None:
            assert self.own == before
            return
        self.offset += 1
        heard = decode_event(encode_event(event), HEADERS)
        assert heard == event
        previous = self.state
        self.state = evolve(previous, heard, Stamp(self.offset, Millis(self.now)))
        assert self.state is not None

    @invariant()
    def the_session_is_as_its_connection_believes(self) -> None:
        """Rooms, meta and activity are what the fold has."""
        if self.own is None:
            return
        assert self.state is not None
        session = self.state.sessions[self.own.session]
        assert isinstance(session.life, Live)
        assert session.life.connection == self.own.connection
        assert set(session.rooms) == self.own.rooms
        assert session.meta == self.own.meta
        assert session.activity is self.own.activity

    @invariant()
    def limits_hold_in_the_state(self) -> None:
        """Nothing over a limit gets into the log."""
        if self.state is not None:
            for session in self.state.sessions.values():
                assert len(session.rooms) <= LIMITS.rooms
                assert len(session.meta) <= LIMITS.meta_keys
            for held in self.state.overrides.values():
                assert held.status is not Status.OFFLINE
                assert held.until <= self.now + LIMITS.override_ms


TestConnection = ConnectionMachine.TestCase
# Cheap steps, and a long silence followed by the same activity comes only now and then.
TestConnection.settings = settings(max_examples=settings().max_examples * 4)
