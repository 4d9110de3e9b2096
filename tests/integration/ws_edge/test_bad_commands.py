"""Rows D of the bad-input table: what cannot be understood is refused in-band, and nothing comes of it."""

import json

import pytest

from presence.domain.events import SessionOpened
from presence.wire.frames import Ack, Error, Snapshot
from tests.support.raw_socket import upgraded
from tests.support.running_edge import running_edge, undisturbed
from tests.support.until import until
from ws_edge.config import EdgeLimits

_DEEP = '{"t":"meta","id":"x","meta":' + '{"a":' * 20 + "1" + "}" * 20 + "}"

BAD = [
    ("D1 not JSON", "join the lobby", "bad_json", None),
    ("D1 empty", "", "bad_json", None),
    ("D1 trailing bytes", '{"t":"ping"}x', "bad_json", None),
    ("D1 BOM", '\ufeff{"t":"ping"}', "bad_json", None),
    ("D1 hopelessly deep", "[" * 30_000, "bad_message", None),
    ("D2 array", "[]", "bad_message", None),
    ("D2 number", "7", "bad_message", None),
    ("D2 null", "null", "bad_message", None),
    ("D3 unknown type", '{"t":"shout","id":"x"}', "unknown_type", None),
    ("D3 type of a server", '{"t":"welcome","id":"x"}', "unknown_type", None),
    ("D3 type is a number", '{"t":7,"id":"x"}', "unknown_type", None),
    ("D3 no type", '{"id":"x"}', "invalid_field", "t"),
    ("D4 missing field", '{"t":"join","id":"x"}', "invalid_field", "room"),
    ("D4 wrong type", '{"t":"join","id":"x","room":1}', "invalid_field", "room"),
    ("D4 true for an integer", '{"t":"status","id":"x","status":"dnd","for_ms":true}', "invalid_field", "for_ms"),
    ("D4 string for an integer", '{"t":"status","id":"x","status":"dnd","for_ms":"1"}', "invalid_field", "for_ms"),
    ("D5 unknown field", '{"t":"join","id":"x","room":"r","colour":"red"}', "invalid_field", None),
    (
        "D5 unknown field within",
        '{"t":"resume","id":"x","position":{"feed":"f","offsets":{"a":1}}}',
        "invalid_field",
        None,
    ),
    ("D8 NaN", '{"t":"meta","id":"x","meta":{"n":NaN}}', "bad_json", None),
    ("D8 Infinity", '{"t":"meta","id":"x","meta":{"n":Infinity}}', "bad_json", None),
    ("D8 1e999", '{"t":"meta","id":"x","meta":{"n":1e999}}', None, None),
    ("D8 beyond 2^53", '{"t":"meta","id":"x","meta":{"n":9007199254740993}}', "invalid_field", "meta"),
    (
        "D8 beyond 2^63",
        '{"t":"status","id":"x","status":"dnd","for_ms":99999999999999999999}',
        "invalid_field",
        "for_ms",
    ),
    ("D10 unknown status", '{"t":"status","id":"x","status":"asleep"}', "invalid_field", "status"),
    ("D10 offline by hand", '{"t":"status","id":"x","status":"offline"}', "invalid_field", "status"),
    ("D10 long note", json.dumps({"t": "status", "id": "x", "status": "dnd", "note": "n" * 101}), "too_large", None),
    ("D10 for no time", '{"t":"status","id":"x","status":"dnd","for_ms":0}', "invalid_field", "for_ms"),
    ("D11 large meta", json.dumps({"t": "meta", "id": "x", "meta": {"a": "m" * 1100}}), "too_large", None),
    ("D11 many keys", json.dumps({"t": "meta", "id": "x", "meta": {str(n): n for n in range(33)}}), "too_large", None),
    ("D11 __proto__", '{"t":"meta","id":"x","meta":{"__proto__":1}}', "invalid_field", "meta"),
    ("D11 deep meta", _DEEP, "invalid_field", "meta"),
    ("D11 NUL in meta", '{"t":"meta","id":"x","meta":{"a":"\\u0000"}}', "invalid_field", "meta"),
    (
        "D14 too many users",
        json.dumps({"t": "watch", "id": "x", "users": [f"u{n}" for n in range(1001)]}),
        "subscription_limit",
        None,
    ),
    (
        "D14 too many rooms",
        json.dumps({"t": "watch", "id": "x", "rooms": [f"r{n}" for n in range(129)]}),
        "subscription_limit",
        None,
    ),
    ("empty room", '{"t":"join","id":"x","room":""}', "invalid_field", "room"),
    ("long room", json.dumps({"t": "join", "id": "x", "room": "r" * 129}), "invalid_field", "room"),
    ("line break in a room", '{"t":"join","id":"x","room":"a\\nb"}', "invalid_field", "room"),
    ("empty user", '{"t":"watch","id":"x","users":["a",""]}', "invalid_field", "users[1]"),
    ("long id", json.dumps({"t": "ping", "id": "i" * 65}), "invalid_field", "id"),
    ("id is a number", '{"t":"ping","id":7}', "invalid_field", "id"),
    ("lone surrogate", '{"t":"join","id":"x","room":"\\ud800"}', None, None),
]


@pytest.mark.parametrize(("sent", "code", "field"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
async def test_a_bad_command_is_refused_and_the_connection_goes_on(
    sent: str, code: str | None, field: str | None
) -> None:
    async with running_edge() as edge, undisturbed(edge), edge.client("mallory") as socket:
        socket.send(sent)
        answer = await socket.receive()

        assert isinstance(answer, Error), answer
        if code is not None:
            assert (answer.code, answer.field, answer.retry) == (code, field, False)
        assert answer.id in {None, "x"}
        assert edge.count("errors_total", code=answer.code) == 1
        assert getattr(await socket.ask({"t": "ping", "id": "after"}), "id", None) == "after"
        assert [type(event) for event in edge.events("mallory")] == [SessionOpened]


@pytest.mark.parametrize(
    "sent",
    [
        "canary-4711",
        '{"t":"canary-4711"}',
        '{"t":"join","room":["canary-4711"]}',
        '{"t":"join","room":"r","canary-4711":1}',
    ],
)
async def test_no_error_repeats_what_was_sent(sent: str) -> None:
    async with running_edge() as edge, edge.client("mallory") as socket:
        socket.send(sent)
        answer = await socket.receive()

        assert isinstance(answer, Error)
        assert "canary" not in repr(answer)


@pytest.mark.parametrize(
    "hello",
    [
        {"device": ""},
        {"device": "a\nb"},
        {"rooms": ["ok", "x" * 129]},
        {"meta": {"n": 2**60}},
        {"activity": "asleep"},
        {"colour": "red"},
        {"rooms": [f"r{n}" for n in range(129)]},
        {"meta": {"a": "m" * 1100}},
    ],
    ids=lambda hello: next(iter(hello)),
)
async def test_a_bad_hello_is_refused_and_a_good_one_may_follow(hello: dict[str, object]) -> None:
    async with running_edge() as edge, undisturbed(edge), upgraded(edge.port) as socket:
        refused = await socket.ask({"t": "hello", "id": "1", "token": edge.token("alice"), **hello})

        # An unknown type within a hello may hide its id.
        assert isinstance(refused, Error), refused
        assert edge.events("alice") == []
        await edge.greet(socket, "alice")


@pytest.mark.parametrize("token", ["", "no token", "a.b.c", "x" * 9_000], ids=["empty", "words", "three parts", "long"])
async def test_a_bad_token_ends_the_connection(token: str) -> None:
    async with running_edge() as edge, undisturbed(edge), upgraded(edge.port) as socket:
        socket.send({"t": "hello", "token": token})

        assert await socket.until_closed() == 4501
        assert len(edge.events()) == 1


@pytest.mark.parametrize("first", ["watch", "resume", "join", "leave", "activity", "status", "meta", "goodbye", "ping"])
async def test_w25_a_command_before_hello_ends_the_connection(first: str) -> None:
    fields = {
        "resume": {"position": {"feed": "f", "offsets": {}}},
        "join": {"room": "r"},
        "leave": {"room": "r"},
        "activity": {"activity": "idle"},
        "status": {"status": "dnd"},
        "meta": {"meta": {}},
    }
    async with running_edge() as edge, undisturbed(edge), upgraded(edge.port) as socket:
        socket.send({"t": first, **fields.get(first, {})})

        assert await socket.until_closed() == 4501
        assert len(edge.events()) == 1


async def test_d16_the_same_again_is_acknowledged_and_adds_no_event() -> None:
    async with running_edge() as edge, edge.client("alice") as socket:
        for number in range(3):
            assert await socket.ask({"t": "join", "id": str(number), "room": "lobby"}) == Ack(str(number))

        assert len(edge.events("alice")) == 2


@pytest.mark.parametrize(
    "position",
    [
        {"feed": "another", "offsets": {"0": 0, "1": 0}},
        {"feed": "memory", "offsets": {"0": 10**6, "1": 10**6}},
        {"feed": "memory", "offsets": {"0": -7, "1": -7}},
        {"feed": "memory", "offsets": {}},
        {"feed": "memory", "offsets": {"0": 0, "1": 0, "2": 0}},
    ],
    ids=["feed", "future", "negative", "empty", "partition too many"],
)
async def test_d19_a_position_that_cannot_be_gives_a_reset(position: dict[str, object]) -> None:
    async with running_edge() as edge, edge.client("alice") as socket:
        answer = await socket.ask({"t": "resume", "id": "r", "position": position, "users": ["alice"]})

        assert isinstance(answer, Snapshot)
        assert answer.reset
        assert answer.users["alice"].status == "online"
        assert edge.count("resumes_total", outcome="reset") == 1


async def test_d21_a_flood_is_refused_message_by_message_and_the_rest_is_served() -> None:
    limits = EdgeLimits(messages_per_s=1, message_burst=10)
    async with running_edge(limits=limits) as edge, undisturbed(edge), edge.client("mallory") as socket:
        for number in range(20):
            socket.send({"t": "ping", "id": str(number)})
        answers = [await socket.receive() for _ in range(20)]

        refused = [answer for answer in answers if isinstance(answer, Error)]
        assert len(refused) == 11
        assert {(error.code, error.retry, error.id) for error in refused} == {("rate_limited", True, None)}


async def test_d23_flapping_between_active_and_active_is_one_event_a_minute() -> None:
    async with running_edge() as edge, edge.client("alice") as socket:
        for number in range(10):
            await socket.ask({"t": "activity", "id": str(number), "activity": "active"})

        assert len(edge.events("alice")) == 1


async def test_names_of_another_tenant_cannot_be_said() -> None:
    async with running_edge() as edge, edge.client("bob", tenant="globex"):
        await until(lambda: edge.state("bob", "globex") is not None)
        async with edge.client("alice") as socket:
            answer = await socket.ask({"t": "watch", "id": "w", "users": ["bob", "globex/bob", "../globex/bob"]})

            assert isinstance(answer, Snapshot)
            assert {seen.status for seen in answer.users.values()} == {"offline"}
