"""What a client sent, as a checked frame or as the error that answers it."""

import json

import pytest

from presence.domain.commands import (
    ClearOverride,
    Close,
    Command,
    JoinRoom,
    LeaveRoom,
    SetActivity,
    SetMeta,
    SetOverride,
)
from presence.domain.errors import InvalidField
from presence.domain.ids import Millis, RoomId, TenantId
from presence.domain.status import Activity, Status
from presence.wire.frames import Error, Goodbye, Hello, Join, Leave, Ping, SayActivity, SayMeta, SetStatus
from ws_edge import requests


def parse(**fields: object) -> object:
    return requests.parse(json.dumps(fields))


def refused(text: str) -> tuple[str, str | None, str | None]:
    error = requests.parse(text)
    assert isinstance(error, Error)
    return error.code, error.id, error.field


def test_a_good_frame_is_a_frame() -> None:
    assert parse(t="ping", id="x" * 64) == Ping("x" * 64)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("nonsense", ("bad_json", None, None)),
        ('{"t":"ping"}{}', ("bad_json", None, None)),
        ("[" * 100_000, ("bad_message", None, None)),
        ('{"t":"meta","meta":' + '{"a":' * 100_000, ("bad_json", None, None)),
        ("[]", ("bad_message", None, None)),
        ('{"t":"sing","id":"1"}', ("unknown_type", "1", None)),
        ('{"t":1,"id":"1"}', ("unknown_type", "1", None)),
        ('{"id":"1"}', ("invalid_field", "1", "t")),
        ('{"t":"join","id":"1"}', ("invalid_field", "1", "room")),
        ('{"t":"join","id":"1","room":[]}', ("invalid_field", "1", "room")),
        ('{"t":"join","id":"1","room":"r","secret":1}', ("invalid_field", "1", None)),
        ('{"t":"join","id":"1","room":"r","x` - at `$.canary":1}', ("invalid_field", "1", None)),
        ('{"t":"resume","id":"1","position":{"feed":"f"}}', ("invalid_field", "1", "position.offsets")),
        ('{"t":"join","id":["1"],"room":"r"}', ("invalid_field", None, "id")),
        ('{"t":"sing","id":"' + "1" * 65 + '"}', ("unknown_type", None, None)),
        ('{"t":"ping","id":"' + "1" * 65 + '"}', ("invalid_field", None, "id")),
        ('{"t":"meta","id":"1","meta":{"n":9007199254740993}}', ("invalid_field", "1", "meta")),
        ('{"t":"hello","id":"1","token":"t","meta":{"n":[-9007199254740993]}}', ("invalid_field", "1", "meta")),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_is_wrong_is_told_with_its_id_and_field(text: str, answer: tuple[str, str | None, str | None]) -> None:
    assert refused(text) == answer


def test_json_may_be_nested_as_deep_as_allowed_and_no_deeper() -> None:
    def nested(depth: int) -> object:
        return {"a": nested(depth - 1)} if depth else 1

    requests.check_json(nested(15))
    with pytest.raises(InvalidField):
        requests.check_json(nested(16))


@pytest.mark.parametrize("value", [2**53, -(2**53), True, 1.5, "9" * 30, None, []])
def test_numbers_that_everybody_reads_alike_are_allowed(value: object) -> None:
    requests.check_json({"a": value})


@pytest.mark.parametrize(
    ("frame", "command"),
    [
        (Join("lobby"), JoinRoom(RoomId("lobby"))),
        (Leave("lobby"), LeaveRoom(RoomId("lobby"))),
        (SayActivity(Activity.IDLE), SetActivity(Activity.IDLE)),
        (SetStatus(None), ClearOverride()),
        (SetStatus(Status.DND, note="n", for_ms=5), SetOverride(Status.DND, "n", Millis(5))),
        (SetStatus(Status.DND), SetOverride(Status.DND)),
        (SayMeta({"a": 1}), SetMeta({"a": 1})),
        (Goodbye(), Close()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_frames_stand_for_commands(frame: requests.Say, command: Command) -> None:
    assert requests.command_of(frame) == command


@pytest.mark.parametrize("frame", [Join(""), Leave("a\nb")])
def test_a_room_must_have_a_good_name(frame: requests.Say) -> None:
    with pytest.raises(InvalidField):
        requests.command_of(frame)


def test_names_are_said_once_and_wrong_ones_with_their_place() -> None:
    assert requests.user_keys(TenantId("acme"), ["b", "a", "b"]) == ["acme/b", "acme/a"]
    assert requests.room_ids(["b", "a", "b"]) == ["b", "a"]
    with pytest.raises(InvalidField) as told:
        requests.room_ids(["a", ""])
    assert told.value.field == "rooms[1]"


@pytest.mark.parametrize(("text", "found"), [(None, None), ("", None), ("a/b", None), ("s-1_A", "s-1_A"), ("é", None)])
def test_only_what_may_be_a_session_of_ours_is_one(text: str | None, found: str | None) -> None:
    assert requests.session_id(text) == found


@pytest.mark.parametrize("hello", [Hello("t", device=""), Hello("t", rooms=[""])])
def test_a_hello_is_checked_before_its_token(hello: Hello) -> None:
    with pytest.raises(InvalidField):
        requests.check_hello(hello)
    requests.check_hello(Hello("t"))
