"""Commands: what a connection may ask, and the events that follow."""

from typing import Any

import pytest
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
    check_meta,
    decide,
)
from presence.domain.errors import InvalidField, InvalidInput, LimitExceeded, TooLarge
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
    UserEvent,
)
from presence.domain.ids import (
    ConnectionId,
    DeviceId,
    EventId,
    Millis,
    NodeEpoch,
    NodeId,
    RoomId,
    SessionId,
    UserId,
)
from presence.domain.state import LAST_ACTIVE_BUCKET_MS
from presence.domain.status import Activity, CloseReason, Layer, LostReason, Status

LIMITS = Limits()
NOW = Millis(1_700_000_000_000)
ID, S, C = EventId("e"), SessionId("s"), ConnectionId("c")
A, B = RoomId("a"), RoomId("b")
OWN = Attachment(UserId("alice"), S, C, NodeId("n"), NodeEpoch(1), DeviceId("phone"), active_at=NOW)


def decided(
    command: Command, own: Attachment = OWN, now: int = NOW, limits: Limits = LIMITS
) -> tuple[Attachment, UserEvent | None]:
    """Decide on a command."""
    return decide(command, own, ID, Millis(now), limits)


def rooms(count: int) -> frozenset[RoomId]:
    """Many rooms."""
    return frozenset(RoomId(f"r{n}") for n in range(count))


def test_opening_announces_the_whole_session() -> None:
    own = replace(OWN, rooms=frozenset({B, A}), meta={"k": 1}, activity=Activity.IDLE, active_at=Millis(0))

    after, event = decided(Open(), own)

    assert event == SessionOpened(
        ID, S, C, NodeId("n"), NodeEpoch(1), DeviceId("phone"), (A, B), {"k": 1}, Activity.IDLE
    )
    assert after == replace(own, active_at=NOW)


def test_opening_keeps_the_limits() -> None:
    with pytest.raises(LimitExceeded, match="rooms per session"):
        decided(Open(), replace(OWN, rooms=rooms(129)))
    with pytest.raises(TooLarge, match="meta bytes"):
        decided(Open(), replace(OWN, meta={"k": "x" * 1_024}))


def test_joining_and_leaving_a_room() -> None:
    inside, joined = decided(JoinRoom(A))
    outside, left = decided(LeaveRoom(A), inside)

    assert (joined, left) == (RoomJoined(ID, S, C, A), RoomLeft(ID, S, C, A))
    assert (inside.rooms, outside.rooms) == (frozenset({A}), frozenset[RoomId]())


def test_joining_where_one_is_and_leaving_where_one_is_not_says_nothing() -> None:
    inside = replace(OWN, rooms=frozenset({A}))

    assert decided(JoinRoom(A), inside) == (inside, None)
    assert decided(LeaveRoom(B), inside) == (inside, None)


def test_the_last_room_allowed_is_allowed() -> None:
    decided(JoinRoom(A), replace(OWN, rooms=rooms(127)))

    with pytest.raises(LimitExceeded):
        decided(JoinRoom(A), replace(OWN, rooms=rooms(128)))


def test_a_change_of_activity_is_said_at_once() -> None:
    after, event = decided(SetActivity(Activity.IDLE), now=NOW + 1)

    assert event == ActivityChanged(ID, S, C, Activity.IDLE)
    assert (after.activity, after.active_at) == (Activity.IDLE, NOW)


def test_active_again_is_said_once_a_minute() -> None:
    same, nothing = decided(SetActivity(Activity.ACTIVE), now=NOW + LAST_ACTIVE_BUCKET_MS - 1)
    after, event = decided(SetActivity(Activity.ACTIVE), now=NOW + LAST_ACTIVE_BUCKET_MS)

    assert (same, nothing) == (OWN, None)
    assert event == ActivityChanged(ID, S, C, Activity.ACTIVE)
    assert after.active_at == NOW + LAST_ACTIVE_BUCKET_MS


def test_idle_again_says_nothing_ever() -> None:
    idle = replace(OWN, activity=Activity.IDLE)

    assert decided(SetActivity(Activity.IDLE), idle, now=NOW + 9 * LAST_ACTIVE_BUCKET_MS) == (idle, None)


def test_meta_is_replaced_and_the_same_meta_says_nothing() -> None:
    after, event = decided(SetMeta({"k": 1}))

    assert (after.meta, event) == ({"k": 1}, MetaChanged(ID, S, C, {"k": 1}))
    assert decided(SetMeta({"k": 1}), after) == (after, None)


def test_an_own_override_lasts_as_long_as_asked_or_as_allowed() -> None:
    own, asked = decided(SetOverride(Status.DND, "asleep", Millis(60_000)))
    _, longest = decided(SetOverride(Status.INVISIBLE))

    assert own == OWN
    assert asked == OverrideSet(ID, Layer.USER, Status.DND, Millis(NOW + 60_000), "asleep", "alice")
    assert longest == OverrideSet(ID, Layer.USER, Status.INVISIBLE, Millis(NOW + LIMITS.override_ms), "", "alice")


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (SetOverride(Status.OFFLINE), "status"),
        (SetOverride(Status.DND, "a\x00"), "note"),
        (SetOverride(Status.DND, for_ms=Millis(0)), "for_ms"),
        (SetOverride(Status.DND, for_ms=Millis(-1)), "for_ms"),
        (SetOverride(Status.DND, for_ms=Millis(LIMITS.override_ms + 1)), "for_ms"),
    ],
)
def test_an_override_out_of_bounds_is_refused(command: SetOverride, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        decided(command)

    assert refused.value.field == field


def test_a_long_note_is_refused() -> None:
    decided(SetOverride(Status.DND, "x" * 100))

    with pytest.raises(TooLarge, match="note characters is 101, the limit is 100"):
        decided(SetOverride(Status.DND, "x" * 101))


def test_taking_an_override_back_names_who_did() -> None:
    assert decided(ClearOverride()) == (OWN, OverrideCleared(ID, Layer.USER, "alice"))


def test_closing_and_losing() -> None:
    assert decided(Close()) == (OWN, SessionClosed(ID, S, C, CloseReason.GOODBYE))
    assert decided(Close(CloseReason.KICKED)) == (OWN, SessionClosed(ID, S, C, CloseReason.KICKED))
    assert decided(Lose(LostReason.DRAIN, Millis(7))) == (OWN, ConnectionLost(ID, S, C, LostReason.DRAIN, Millis(7)))


def nested(depth: int) -> dict[str, Any]:
    """Objects in objects."""
    data: dict[str, Any] = {}
    for _ in range(depth - 1):
        data = {"a": data}
    return data


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {f"k{n}": n for n in range(32)},
        {"k": "x" * 1_016},
        nested(16),
        {"path": "\\u0000", "twice": "\\\\u0000"},
        {"big": 2**70, "owl": "🦉"},
    ],
)
def test_meta_within_its_limits_is_accepted(meta: dict[str, Any]) -> None:
    """A text that spells a backslash and u0000 was refused, as if it held the character itself."""
    check_meta(meta, LIMITS)


@pytest.mark.parametrize(
    ("meta", "problem"),
    [
        ({f"k{n}": n for n in range(33)}, "meta keys is 33"),
        ({"k": "x" * 1_017}, "meta bytes is 1025"),
        ({"k": "é" * 509}, "meta bytes is 1026"),
        (nested(17), "nested deeper than 16"),
        ({"__proto__": 1}, "__proto__"),
        ({"k": ["a\x00b"]}, "U\\+0000"),
        ({"k": "\\\x00"}, "U\\+0000"),
        ({"\x00": 1}, "U\\+0000"),
    ],
)
def test_meta_beyond_its_limits_is_refused(meta: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        check_meta(meta, LIMITS)
