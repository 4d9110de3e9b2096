"""Commands in a pipeline: durable before they count, in order, and said anew when an append failed."""

from presence.adapters.memory.time import CountingIds
from presence.domain.commands import Attachment, Close, JoinRoom, LeaveRoom, Limits, Open, SetActivity, SetMeta
from presence.domain.events import ConnectionLost, SessionClosed, SessionOpened
from presence.domain.ids import ConnectionId, DeviceId, Millis, NodeEpoch, NodeId, RoomId, SessionId, UserId
from presence.domain.status import Activity, LostReason
from tests.support.driven import ALICE
from ws_edge.effects import Append, Instant
from ws_edge.session import SessionWriter, Then

NOW = Instant(Millis(1_700_000_000_000), 0)
OWN = Attachment(UserId("alice"), SessionId("s"), ConnectionId("c"), NodeId("n"), NodeEpoch(1), DeviceId("d"))


def writer(**own: object) -> SessionWriter:
    made = SessionWriter(ALICE, OWN, Limits(), CountingIds())
    made.submit(Open(), Then.WELCOME, None, NOW)
    made.appended(1, succeeded=True)
    made.settle()
    return made


def submit(made: SessionWriter, command: object, frame_id: str = "x") -> list[int]:
    effects = made.submit(command, Then.ACK, frame_id, NOW)  # type: ignore[arg-type]
    return [effect.number for effect in effects if isinstance(effect, Append)]


def settled(made: SessionWriter) -> list[tuple[str | None, bool]]:
    return [(entry.frame_id, ok) for entry, ok in made.settle()]


def test_new_commands_are_decided_on_what_is_under_way() -> None:
    made = writer()
    [first] = submit(made, JoinRoom(RoomId("a")), "1")

    assert submit(made, JoinRoom(RoomId("a")), "2") == []
    assert settled(made) == []
    made.appended(first, succeeded=True)
    assert settled(made) == [("1", True), ("2", True)]


def test_what_was_decided_on_something_that_failed_fails_too() -> None:
    made = writer()
    [first] = submit(made, JoinRoom(RoomId("a")), "1")
    submit(made, JoinRoom(RoomId("a")), "2")

    made.appended(first, succeeded=False)

    assert settled(made) == [("1", False), ("2", False)]
    assert made.own.rooms == frozenset()
    assert made.is_uncertain


def test_what_is_still_under_way_stays_in_what_is_thought_when_something_before_it_fails() -> None:
    made = writer()
    [one] = submit(made, JoinRoom(RoomId("a")))
    submit(made, SetMeta({"k": 1}))
    submit(made, SetActivity(Activity.BUSY))
    submit(made, LeaveRoom(RoomId("a")))
    made.answer("plain")

    made.appended(one, succeeded=False)
    made.settle()

    assert (made.own.rooms, made.own.meta, made.own.activity) == (frozenset(), {"k": 1}, Activity.BUSY)


def test_saying_the_session_anew_carries_everything_acknowledged() -> None:
    made = writer()
    [one] = submit(made, SetMeta({"k": 1}))
    made.appended(one, succeeded=True)
    [two] = submit(made, JoinRoom(RoomId("a")))
    made.appended(two, succeeded=False)
    made.settle()

    [anew] = made.restate(NOW)

    assert isinstance(anew, Append)
    assert isinstance(anew.event, SessionOpened)
    assert (anew.event.rooms, anew.event.meta) == ((), {"k": 1})
    assert made.restate(NOW) == []
    made.appended(anew.number, succeeded=True)
    made.settle()
    assert not made.is_uncertain


def test_a_command_said_anew_while_one_before_it_fails_is_said_again() -> None:
    made = writer()
    [lost_one] = submit(made, JoinRoom(RoomId("a")))
    made.appended(lost_one, succeeded=False)
    made.settle()
    # Both ride on one restatement; what comes after it and fails is not in it.
    [anew, join] = submit(made, JoinRoom(RoomId("b")), "2")
    made.appended(anew, succeeded=True)
    made.appended(join, succeeded=False)
    made.settle()

    assert made.is_uncertain
    assert len(made.restate(NOW)) == 1


def test_a_restatement_made_before_something_failed_does_not_make_certain() -> None:
    made = writer()
    [join] = submit(made, JoinRoom(RoomId("a")))
    [anew] = [effect.number for effect in made.restate(NOW) if isinstance(effect, Append)]
    made.appended(join, succeeded=False)
    made.appended(anew, succeeded=True)
    made.settle()

    assert made.is_uncertain


def test_results_of_what_was_given_up_are_ignored() -> None:
    made = writer()
    [number] = submit(made, JoinRoom(RoomId("a")), "1")

    assert [entry.frame_id for entry in made.abandon()] == ["1"]
    made.appended(number, succeeded=True)
    assert settled(made) == []
    assert (made.backlog, made.own.rooms, made.is_uncertain) == (0, frozenset(), True)


def test_answers_without_an_event_wait_for_their_turn() -> None:
    made = writer()
    [number] = submit(made, JoinRoom(RoomId("a")), "1")
    made.answer("2")

    assert settled(made) == []
    made.appended(number, succeeded=False)
    # Nothing of it was decided on anything: it succeeds.
    assert settled(made) == [("1", False), ("2", True)]


def test_a_goodbye_is_known_to_be_under_way() -> None:
    made = writer()
    assert not made.is_leaving

    made.submit(Close(), Then.LEAVE, "1", NOW)

    assert made.is_leaving


def test_the_last_word_is_a_goodbye_or_leaves_the_grace() -> None:
    made = writer()

    closed = made.last_word(None, Millis(5), NOW)
    lost = made.last_word(LostReason.SLOW, Millis(5), NOW)

    assert (closed.key, type(closed.event)) == (ALICE, SessionClosed)
    assert isinstance(lost.event, ConnectionLost)
    assert (lost.event.reason, lost.event.grace_ms) == (LostReason.SLOW, 5)
