"""One connection as a state machine: what comes in, what is to be done."""

import pytest

from presence.domain.commands import Limits
from presence.domain.events import (
    ActivityChanged,
    ConnectionLost,
    MetaChanged,
    OverrideCleared,
    OverrideSet,
    RoomJoined,
    RoomLeft,
    SessionClosed,
    SessionOpened,
)
from presence.domain.status import Activity, CloseReason, LostReason
from presence.domain.views import Audience
from presence.wire.frames import Ack, Error, Pong, Resume, Watch, Welcome
from tests.support.driven import ALICE, Driven, appended, claims, code, departed, errors, of, sent
from ws_edge.codes import Code
from ws_edge.config import EdgeLimits
from ws_edge.effects import Attach, CloseSocket, Depart, Follow, SendPing, Unfollow, Verify
from ws_edge.protocol import Phase

SEES = "presence:see-invisible"

# --- hello --------------------------------------------------------------------------------------------------------


def test_a_hello_is_verified_opened_and_welcomed_in_this_order() -> None:
    c = Driven()

    asked = c.hello(device="phone", rooms=["lobby"], meta={"a": 1}, activity="busy")
    opening = c.verified()
    done = c.append_ends()

    assert asked == [Verify("token", "h")]
    [event] = appended(opening)
    assert isinstance(event, SessionOpened)
    assert (event.device, event.rooms, event.meta, event.activity) == ("phone", ("lobby",), {"a": 1}, Activity.BUSY)
    assert (event.node, event.node_epoch) == ("n1", 7)
    assert done[0] == Attach(ALICE)
    [welcome] = sent(done)
    assert isinstance(welcome, Welcome)
    assert (welcome.session, welcome.user, welcome.tenant, welcome.id) == (event.session, "alice", "acme", "h")
    assert welcome.timing.grace_ms == 15_000
    assert c.connection.phase is Phase.OPEN


def test_nothing_is_welcomed_before_its_opening_is_durable() -> None:
    c = Driven()
    c.hello()

    assert sent(c.verified()) == []


@pytest.mark.parametrize(
    ("named", "known", "resumed"), [("s-9", True, True), ("s-9", False, False), (None, True, False)]
)
def test_a_session_is_resumed_when_it_was_named_and_is_known(named: str | None, known: bool, resumed: bool) -> None:
    c = Driven(known=known)
    c.hello(session=named)
    c.verified()
    [welcome] = sent(c.append_ends())

    assert isinstance(welcome, Welcome)
    assert welcome.resumed == resumed
    assert (welcome.session == "s-9") == (named is not None)


@pytest.mark.parametrize("named", ["", "a/b", "x" * 65, "é"])
def test_a_session_that_cannot_be_ours_is_replaced(named: str) -> None:
    c = Driven(known=True).welcomed(session=named)

    assert c.session not in {"", named}


def test_a_device_without_a_name_is_called_default() -> None:
    own = Driven().welcomed().connection.attachment

    assert own is not None
    assert own.device == "default"


def test_a_command_before_hello_ends_the_connection() -> None:
    assert code(Driven().say("ping")) is Code.INVALID_TOKEN


def test_a_hello_with_a_bad_name_is_refused_and_another_may_follow() -> None:
    c = Driven()

    assert errors(c.hello(device="a\nb")) == [("invalid_field", "h")]
    assert c.hello() == [Verify("token", "h")]


def test_a_hello_that_the_domain_refuses_may_be_said_again() -> None:
    c = Driven()
    c.hello(meta={"a": "m" * 2_000})
    c.say("join", id="j", room="lobby")
    refused = c.verified()

    assert errors(refused) == [("too_large", "h"), ("log_unavailable", "j")]
    assert c.connection.phase is Phase.NEW
    c.welcomed()
    assert c.connection.phase is Phase.OPEN


def test_a_bad_token_ends_the_connection() -> None:
    c = Driven()
    c.hello()

    assert code(c.did(c.connection.refused(c.now))) is Code.INVALID_TOKEN


def test_without_hello_in_time_the_connection_ends() -> None:
    c = Driven()

    assert code(c.pass_time(4_999)) is None
    assert code(c.pass_time(1)) is Code.AUTH_TIMEOUT


def test_a_hello_whose_token_is_not_verified_in_time_ends_too() -> None:
    c = Driven()
    c.hello()

    assert code(c.pass_time(5_000)) is Code.AUTH_TIMEOUT


def test_who_may_see_through_invisible_is_a_full_audience() -> None:
    assert Driven().welcomed().subscriber.audience is Audience.PUBLIC
    assert Driven().welcomed(claims("alice", "acme", SEES)).subscriber.audience is Audience.FULL


# --- frames that come early ---------------------------------------------------------------------------------------


def test_frames_sent_with_the_hello_wait_for_the_token_and_then_go_on_their_way() -> None:
    c = Driven()
    c.hello()
    assert c.say("join", id="1", room="lobby") == []
    assert c.say("ping", id="2") == []

    opening = c.verified()

    assert [type(event) for event in appended(opening)] == [SessionOpened, RoomJoined]
    assert [type(frame) for frame in sent(opening)] == [Pong]


def test_watching_waits_for_the_welcome() -> None:
    c = Driven()
    c.hello()
    c.say("watch", id="1", users=["bob"])
    assert of(c.verified(), Follow) == []
    assert c.say("watch", id="2", users=["carol"]) == []

    opened = c.append_ends()

    assert [type(effect).__name__ for effect in opened] == ["Attach", "Send", "Follow", "Follow"]


def test_more_frames_than_can_wait_are_refused() -> None:
    c = Driven(limits=EdgeLimits(held_frames=1))
    c.hello()
    c.say("ping", id="1")

    assert errors(c.say("ping", id="2")) == [("rate_limited", "2")]


def test_a_second_hello_while_the_first_opens_renews_the_token_in_its_turn() -> None:
    c = Driven()
    c.hello("1")
    c.verified(frame_id="1")
    assert c.hello("2") == [Verify("token", "2")]
    assert sent(c.verified(frame_id="2")) == []

    assert [getattr(frame, "id", None) for frame in sent(c.append_ends())] == ["1", "2"]


# --- commands -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        ({"t": "join", "room": "lobby"}, RoomJoined),
        ({"t": "leave", "room": "hall"}, RoomLeft),
        ({"t": "activity", "activity": "idle"}, ActivityChanged),
        ({"t": "status", "status": "dnd"}, OverrideSet),
        ({"t": "status", "status": None}, OverrideCleared),
        ({"t": "meta", "meta": {"a": 1}}, MetaChanged),
    ],
    ids=lambda value: value["t"] if isinstance(value, dict) else "",
)
def test_a_command_is_acknowledged_when_its_event_is_durable(frame: dict[str, str], event: type) -> None:
    c = Driven().welcomed(rooms=["hall"])

    started = c.say(id="1", **frame)
    assert [type(e) for e in appended(started)] == [event]
    assert sent(started) == []
    assert sent(c.append_ends()) == [Ack("1")]


def test_a_command_that_changes_nothing_is_acknowledged_at_once() -> None:
    c = Driven().welcomed(rooms=["lobby"])

    assert sent(c.say("join", id="1", room="lobby")) == [Ack("1")]


def test_acknowledgements_come_in_the_order_of_the_commands() -> None:
    c = Driven().welcomed()
    c.say("join", id="1", room="a")
    c.say("join", id="2", room="b")
    c.say("join", id="3", room="b")

    assert sent(c.last_append_ends()) == []
    assert sent(c.append_ends()) == [Ack("1"), Ack("2"), Ack("3")]


def test_a_command_that_the_domain_refuses_is_answered_with_its_error() -> None:
    c = Driven(limits=EdgeLimits(session=Limits(rooms=1))).welcomed(rooms=["a"])

    assert errors(c.say("join", id="1", room="b")) == [("limit_exceeded", "1")]
    assert errors(c.say("join", id="2", room="")) == [("invalid_field", "2")]


def test_more_commands_than_may_be_under_way_are_refused() -> None:
    c = Driven(limits=EdgeLimits(pending=1)).welcomed()
    c.say("join", id="1", room="a")

    assert errors(c.say("join", id="2", room="b")) == [("rate_limited", "2")]


def test_a_ping_is_answered_at_once() -> None:
    c = Driven().welcomed()

    assert sent(c.say("ping", id="1")) == [Pong(c.now.wall, "1")]


def test_a_goodbye_is_acknowledged_and_closes_without_another_word() -> None:
    c = Driven().welcomed()

    [event] = appended(c.say("goodbye", id="1"))
    assert isinstance(event, SessionClosed)
    assert event.reason is CloseReason.GOODBYE
    assert c.connection.is_leaving
    ended = c.append_ends()
    assert sent(ended) == [Ack("1")]
    assert code(ended) is Code.GOODBYE
    assert departed(c.did(c.connection.lost(c.now, said_goodbye=True))) == []


# --- watching -----------------------------------------------------------------------------------------------------


def test_watch_and_resume_are_followed_and_unwatch_is_acknowledged() -> None:
    c = Driven().welcomed()
    position = {"feed": "f", "offsets": {"0": 4}}

    [watch] = of(c.say("watch", id="1", users=["bob", "bob"], rooms=["r"]), Follow)
    [resume] = of(c.say("resume", id="2", position=position, users=["bob"]), Follow)
    stopped = c.say("unwatch", id="3", users=["bob"], rooms=["r"])

    assert isinstance(watch.request, Watch)
    assert (watch.users, watch.rooms) == (["acme/bob"], ["r"])
    assert isinstance(resume.request, Resume)
    assert resume.request.position.offsets == {0: 4}
    assert stopped[0] == Unfollow(["acme/bob"], ["r"])  # type: ignore[list-item]
    assert sent(stopped) == [Ack("3")]


def test_a_watched_name_that_cannot_be_is_refused() -> None:
    assert errors(Driven().welcomed().say("watch", id="1", users=["ok", ""])) == [("invalid_field", "1")]


@pytest.mark.parametrize("what", [{"users": ["a", "b", "c"]}, {"rooms": ["a", "b"]}])
def test_who_watches_more_than_allowed_is_refused_and_in_the_end_sent_away(what: dict[str, list[str]]) -> None:
    c = Driven(limits=EdgeLimits(watched_users=2, watched_rooms=1)).welcomed()

    assert errors(c.say("watch", id="1", **what)) == [("subscription_limit", "1")]
    assert code(c.say("watch", id="2", **what)) is None
    assert code(c.say("watch", id="3", **what)) is Code.SUBSCRIPTION_LIMIT


def test_what_is_watched_already_counts_once() -> None:
    c = Driven(limits=EdgeLimits(watched_users=2)).welcomed()
    c.subscriber.users = {ALICE}

    assert of(c.say("watch", id="1", users=["alice", "bob"]), Follow)


# --- tokens -------------------------------------------------------------------------------------------------------


def test_a_later_hello_renews_the_token() -> None:
    c = Driven()
    c.welcomed(claims(expires_at=c.now.wall + 10_000))
    c.pass_time(9_000)
    c.hello("2")

    assert sent(c.verified(claims(expires_at=c.now.wall + 60_000), "2")) == [Ack("2")]
    assert code(c.pass_time(20_000)) is None


def test_a_token_that_ran_out_ends_the_connection_after_a_leeway() -> None:
    c = Driven()
    c.welcomed(claims(expires_at=c.now.wall + 10_000))

    assert code(c.pass_time(14_999)) is None
    ended = c.pass_time(1)
    assert code(ended) is Code.TOKEN_EXPIRED
    [lost] = departed(ended)
    assert isinstance(lost, ConnectionLost)
    assert (lost.reason, lost.grace_ms) == (LostReason.POLICY, 15_000)


@pytest.mark.parametrize("other", [claims("bob"), claims("alice", "globex")])
def test_a_token_of_somebody_else_ends_the_connection(other: object) -> None:
    c = Driven().welcomed()
    c.hello("2")

    assert code(c.verified(other, "2")) is Code.INVALID_TOKEN  # type: ignore[arg-type]


def test_a_token_that_sees_more_ends_a_connection_that_watches_and_no_other() -> None:
    watching, idle = Driven().welcomed(), Driven().welcomed()
    watching.subscriber.users = {ALICE}

    assert code(watching.verified(claims("alice", "acme", SEES), "2")) is Code.STATE_GAP
    assert sent(idle.verified(claims("alice", "acme", SEES), "2")) == [Ack("2")]
    assert idle.subscriber.audience is Audience.FULL


# --- what is due --------------------------------------------------------------------------------------------------


def test_a_silent_peer_is_pinged_and_then_given_up() -> None:
    c = Driven().welcomed()

    assert c.pass_time(24_999) == []
    assert c.pass_time(1) == [SendPing()]
    ended = c.pass_time(8_000)
    assert code(ended) is Code.PONG_TIMEOUT
    [lost] = departed(ended)
    assert isinstance(lost, ConnectionLost)
    assert lost.reason is LostReason.PONG_TIMEOUT


def test_anything_heard_is_an_answer() -> None:
    c = Driven().welcomed()
    c.pass_time(25_000)
    c.connection.heard(c.now)

    assert code(c.pass_time(8_000)) is None


def test_a_silent_user_is_idle_until_the_next_command() -> None:
    c = Driven(idle_ms=10_000).welcomed()

    [idle] = appended(c.pass_time(10_000))
    assert isinstance(idle, ActivityChanged)
    assert idle.activity is Activity.IDLE
    assert sent(c.append_ends()) == []
    assert c.pass_time(10_000) == []
    events = appended(c.say("join", id="1", room="r"))
    assert [type(event) for event in events] == [ActivityChanged, RoomJoined]


@pytest.mark.parametrize("frame", [{"t": "activity", "activity": "idle"}, {"t": "goodbye"}])
def test_who_says_idle_or_goodbye_does_not_wake_up_first(frame: dict[str, str]) -> None:
    c = Driven(idle_ms=10_000).welcomed()
    c.pass_time(10_000)
    c.append_ends()

    assert len(appended(c.say(id="1", **frame))) == (1 if frame["t"] == "goodbye" else 0)


def test_a_busy_user_does_not_become_idle() -> None:
    assert Driven(idle_ms=10_000).welcomed(activity="busy").pass_time(10_000) == []


def test_idleness_that_cannot_be_said_now_is_no_error_to_the_client() -> None:
    c = Driven(idle_ms=10_000, limits=EdgeLimits(pending=1)).welcomed()
    c.say("join", id="1", room="r")

    assert c.pass_time(10_000) == []


def test_the_next_look_is_when_something_is_due() -> None:
    c = Driven(idle_ms=10_000)
    assert c.connection.next_tick() == 5_000
    c.hello()
    c.verified(claims(expires_at=c.now.wall + 1_000))
    assert c.connection.next_tick() == 6_000
    c.append_ends()
    c.verified(claims())
    assert c.connection.next_tick() == 10_000
    c.pass_time(10_000)
    assert c.connection.next_tick() == 25_000
    c.append_ends(succeeded=False)
    assert c.connection.next_tick() == 10_000 + 1_000


# --- the log is away ----------------------------------------------------------------------------------------------


def test_an_opening_that_failed_is_answered_and_may_be_tried_again_as_the_same_session() -> None:
    c = Driven()
    c.hello("1")
    c.verified(frame_id="1")
    session = c.session
    c.say("join", id="2", room="r")
    c.say("watch", id="3", users=["bob"])
    c.say("hello", id="4", token="token")
    c.verified(frame_id="4")

    failed = c.append_ends(succeeded=False)
    assert errors(failed) == [("log_unavailable", frame_id) for frame_id in ("1", "2", "4", "3")]
    assert c.connection.phase is Phase.NEW
    c.hello("5")
    [again] = appended(c.verified(frame_id="5"))
    assert isinstance(again, SessionOpened)
    assert again.session == session


def test_an_opening_that_failed_may_be_in_the_log_so_another_session_says_goodbye_to_it() -> None:
    c = Driven()
    c.hello("1")
    c.verified()
    first = c.session
    c.append_ends(succeeded=False)
    c.hello("2", session="another")

    [lost] = departed(c.verified(frame_id="2"))
    assert isinstance(lost, ConnectionLost)
    assert lost.session == first
    assert c.session == "another"


def test_who_does_not_know_yet_that_its_opening_failed_is_not_taken_for_a_stranger() -> None:
    c = Driven()
    c.hello()
    c.verified()
    c.append_ends(succeeded=False)

    assert errors(c.say("join", id="1", room="r")) == [("log_unavailable", "1")]
    assert [type(frame) for frame in sent(c.say("ping", id="2"))] == [Pong]


def test_a_drain_has_a_last_word_about_an_opening_that_failed() -> None:
    c = Driven()
    c.hello()
    c.verified()
    c.append_ends(succeeded=False)

    depart = c.connection.drain(c.now)

    assert isinstance(depart, Depart)
    assert c.connection.drain(c.now) is None


def test_results_that_come_after_an_opening_failed_are_ignored() -> None:
    c = Driven()
    c.hello()
    c.verified()
    c.say("join", id="2", room="r")
    c.append_ends(succeeded=False)

    assert c.append_ends() == []


def test_a_command_that_failed_is_taken_back_and_the_session_is_said_anew() -> None:
    c = Driven().welcomed(rooms=["a"])
    c.say("join", id="1", room="b")

    assert errors(c.append_ends(succeeded=False)) == [("log_unavailable", "1")]
    assert c.pass_time(999) == []
    [anew] = appended(c.pass_time(1))
    assert isinstance(anew, SessionOpened)
    assert anew.rooms == ("a",)
    assert c.append_ends() == []
    assert c.pass_time(5_000) == []


def test_the_next_command_says_the_session_anew_first() -> None:
    c = Driven().welcomed()
    c.say("join", id="1", room="b")
    c.append_ends(succeeded=False)

    events = appended(c.say("join", id="2", room="c"))
    assert [type(event) for event in events] == [SessionOpened, RoomJoined]
    c.append_ends()
    assert sent(c.append_ends()) == [Ack("2")]
    assert c.pass_time(1_000) == []


def test_saying_it_anew_is_tried_until_it_succeeds() -> None:
    c = Driven().welcomed()
    c.say("join", id="1", room="b")
    c.append_ends(succeeded=False)
    c.pass_time(1_000)
    assert c.append_ends(succeeded=False) == []

    assert len(appended(c.pass_time(1_000))) == 1


# --- conduct ------------------------------------------------------------------------------------------------------


def test_messages_over_the_rate_are_refused_unread_and_in_the_end_end_the_connection() -> None:
    c = Driven(limits=EdgeLimits(messages_per_s=1, message_burst=1, over_rate_ms=1_500)).welcomed()

    assert errors(c.say("ping", id="1")) == [("rate_limited", None)]
    c.clock.advance(900)
    assert errors(c.say("ping", id="2")) == [("rate_limited", None)]
    c.clock.advance(700)
    c.say("ping", id="3")
    assert code(c.say("ping", id="4")) is Code.RATE_LIMITED


def test_five_errors_in_a_minute_end_the_connection() -> None:
    c = Driven().welcomed()

    for _ in range(4):
        assert code(c.send("nonsense")) is None
    assert code(c.send("nonsense")) is Code.TOO_MANY_ERRORS


def test_a_binary_message_ends_the_connection() -> None:
    c = Driven().welcomed()

    assert code(c.did(c.connection.receive_binary(c.now))) is Code.UNSUPPORTED


def test_websocket_pings_count_as_messages() -> None:
    c = Driven(limits=EdgeLimits(messages_per_s=1, message_burst=2, over_rate_ms=500)).welcomed()

    assert c.did(c.connection.pinged(c.now, is_backed_up=True)) == []
    assert c.did(c.connection.pinged(c.now, is_backed_up=False)) == []
    c.clock.advance(500)
    assert code(c.did(c.connection.pinged(c.now, is_backed_up=False))) is Code.RATE_LIMITED


def test_who_floods_with_pings_and_does_not_read_the_answers_is_cut_at_once() -> None:
    c = Driven(limits=EdgeLimits(message_burst=1)).welcomed()

    assert code(c.did(c.connection.pinged(c.now, is_backed_up=True))) is Code.SLOW_CONSUMER


# --- endings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "reason"),
    [(Code.SLOW_CONSUMER, LostReason.SLOW), (Code.TRY_LATER, LostReason.POLICY), (Code.INTERNAL, LostReason.POLICY)],
)
def test_what_we_close_leaves_its_session_the_grace(ending: Code, reason: LostReason) -> None:
    c = Driven().welcomed()

    ended = c.did(c.connection.close(ending, c.now, 250))

    [lost] = departed(ended)
    assert isinstance(lost, ConnectionLost)
    assert (lost.reason, lost.grace_ms) == (reason, 15_000)
    assert ended[-1] == CloseSocket(ending, 250)


def test_a_socket_that_breaks_leaves_its_session_the_grace_and_a_clean_close_ends_it() -> None:
    broken, clean = Driven().welcomed(), Driven().welcomed()

    [lost] = departed(broken.did(broken.connection.lost(broken.now, said_goodbye=False)))
    [closed] = departed(clean.did(clean.connection.lost(clean.now, said_goodbye=True)))

    assert isinstance(lost, ConnectionLost)
    assert lost.reason is LostReason.SOCKET
    assert isinstance(closed, SessionClosed)


def test_without_a_session_there_is_no_last_word() -> None:
    c = Driven()

    assert c.connection.lost(c.now, said_goodbye=False) == []
    assert c.connection.attachment is None
    assert c.connection.session_key is None
    assert not c.connection.is_leaving


def test_an_opening_under_way_has_a_last_word_too() -> None:
    c = Driven()
    c.hello()
    c.verified()

    assert len(departed(c.did(c.connection.lost(c.now, said_goodbye=False)))) == 1


def test_who_is_gone_does_nothing_more() -> None:
    c = Driven().welcomed()
    c.say("join", id="1", room="r")
    c.did(c.connection.close(Code.INTERNAL, c.now))
    before = len(c.effects)

    c.say("ping")
    c.append_ends()
    c.verified()
    c.pass_time(100_000)
    c.did(c.connection.close(Code.INTERNAL, c.now))
    c.did(c.connection.dismiss(Code.RESTART))
    c.did(c.connection.lost(c.now, said_goodbye=True))
    c.did(c.connection.receive_binary(c.now))

    assert len(c.effects) == before
    assert c.connection.drain(c.now) is None


def test_a_second_message_that_closes_is_not_answered_twice() -> None:
    c = Driven()
    c.hello()
    c.say("watch", users=[""])
    c.say("watch", users=[""])
    c.say("watch", users=[""])
    c.say("watch", users=[""])
    c.say("watch", users=[""])
    c.say("watch", users=[""])
    c.verified()

    opened = c.append_ends()

    assert len(of(opened, CloseSocket)) == 1
    assert len(errors(opened)) == 5


def test_dismissal_says_nothing_about_a_session_that_is_no_longer_ours() -> None:
    c = Driven().welcomed()

    assert c.did(c.connection.dismiss(Code.REPLACED, 9)) == [CloseSocket(Code.REPLACED, 9)]


# --- draining -----------------------------------------------------------------------------------------------------


def test_a_drain_leaves_a_long_grace_and_takes_no_more_commands() -> None:
    c = Driven().welcomed()

    depart = c.connection.drain(c.now)

    assert isinstance(depart, Depart)
    assert isinstance(depart.event, ConnectionLost)
    assert (depart.event.reason, depart.event.grace_ms) == (LostReason.DRAIN, 60_000)
    assert errors(c.say("join", id="1", room="r")) == [("draining", "1")]
    assert [type(frame) for frame in sent(c.say("ping", id="2"))] == [Pong]
    assert departed(c.did(c.connection.lost(c.now, said_goodbye=True))) == []


def test_who_has_no_session_is_drained_without_a_word() -> None:
    new, verifying = Driven(), Driven()
    verifying.hello()

    assert new.connection.drain(new.now) is None
    assert verifying.connection.drain(verifying.now) is None
    assert verifying.verified() == []
    assert isinstance(sent(new.say("join", id="1", room="r"))[0], Error)


def test_an_append_that_ends_while_draining_is_still_acknowledged() -> None:
    c = Driven().welcomed()
    c.say("join", id="1", room="r")
    c.connection.drain(c.now)

    assert sent(c.append_ends()) == [Ack("1")]
