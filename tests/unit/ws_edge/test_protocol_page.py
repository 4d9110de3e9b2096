"""The reference of the protocol says what the code does: codes, frames, limits, examples."""

import re
from typing import Any, get_args

import msgspec
import pytest

from presence.domain.commands import Limits
from presence.domain.views import Presence
from presence.wire.frames import (
    MAX_FRAME_BYTES,
    Changes,
    ClientFrame,
    Position,
    ServerFrame,
    decode_client_frame,
    decode_server_frame,
)
from tests.support.pages import ROOT, blocks
from ws_edge.codes import CLOSE_CODES, ERROR_CODES, RESERVED
from ws_edge.config import EdgeConfig, EdgeLimits

PAGE = ROOT / "docs/reference/protocol.md"
TEXT = PAGE.read_text(encoding="utf-8")
_FRAMES = [*get_args(ClientFrame), *get_args(ServerFrame)]
_EXAMPLES = [block.text for block in blocks(PAGE) if block.language == "json"]


def _section(heading: str) -> str:
    found = re.search(rf"^#+ {re.escape(heading)}$(?P<text>.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {heading!r}"
    return found["text"]


def _rows(heading: str) -> list[list[str]]:
    lines = [line for line in _section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _named(cell: str) -> str:
    return cell.strip("`")


def _fields(kind: Any) -> list[str]:
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return [field.encode_name for field in info.fields]


def test_every_close_code_is_in_the_table_as_it_is() -> None:
    told = {row[0]: row for row in _rows("Close codes")}

    assert set(told) == {str(int(code)) for code in CLOSE_CODES}
    for code, meaning in CLOSE_CODES.items():
        _, name, back, means, do = told[str(int(code))]
        assert (_named(name), back == "yes", means) == (meaning.name, meaning.reconnect, meaning.text)
        assert do.startswith("reserved") == (code in RESERVED)


def test_every_error_code_is_in_the_table_as_it_is() -> None:
    told = [(_named(row[0]), row[1] == "yes", row[2] == "yes", row[3]) for row in _rows("Error codes")]

    assert told == [(name, e.retry, e.counts, e.text) for name, e in ERROR_CODES.items()]


@pytest.mark.parametrize("kind", _FRAMES, ids=lambda kind: kind.__struct_config__.tag)
def test_every_frame_has_its_section_with_its_fields(kind: Any) -> None:
    told = [_named(row[0]) for row in _rows(kind.__struct_config__.tag)]

    assert told == _fields(kind)


@pytest.mark.parametrize(("heading", "kind"), [("presence", Presence), ("changes", Changes), ("position", Position)])
def test_every_part_of_frames_has_its_section_with_its_fields(heading: str, kind: Any) -> None:
    told = [_named(row[0]) for row in _rows(heading)]

    assert sorted(told) == sorted(_fields(kind))


@pytest.mark.parametrize("example", _EXAMPLES)
def test_every_example_is_a_frame(example: str) -> None:
    tag = msgspec.json.decode(example)["t"]
    is_ours = tag in {kind.__struct_config__.tag for kind in get_args(ServerFrame)}

    frame = decode_server_frame(example) if is_ours else decode_client_frame(example)

    assert frame.__struct_config__.tag == tag


def test_every_frame_has_an_example() -> None:
    assert {msgspec.json.decode(e)["t"] for e in _EXAMPLES} == {kind.__struct_config__.tag for kind in _FRAMES}


def test_the_limits_are_those_of_the_code() -> None:
    told = {row[0].replace("`", ""): row[1].replace("`", "") for row in _rows("Limits") if row[0] != "`meta`"}
    edge, session, config = EdgeLimits(), Limits(), EdgeConfig(node="n")

    assert told["a message to the edge"] == f"{MAX_FRAME_BYTES // 1024} KiB"
    assert told["messages"] == f"{edge.messages_per_s} a second, {edge.message_burst} at once"
    assert told["frames before the session is open"] == str(edge.held_frames)
    assert told["commands without an answer"] == str(edge.pending)
    assert told["watched users"].startswith(f"{edge.watched_users} a")
    assert told["watched rooms"].startswith(f"{edge.watched_rooms} a")
    assert told["rooms"].startswith(f"{session.rooms} a")
    assert told["note"].startswith(f"{session.note_chars} ")
    meta = " ".join(row[1] for row in _rows("Limits") if row[0] == "`meta`")
    assert meta.startswith(f"{session.meta_bytes} bytes of JSON, {session.meta_keys} keys {session.meta_depth} levels")
    text = _section("Limits")
    assert f"above {config.send_high_water // 1024} KiB" in text
    assert f"{config.dirty_keys:,} users" in text
    assert f"after {config.slow_ms // 1000} s" in text.lower()
    assert f"more than {config.room_paced_above} people" in text


def test_the_timings_are_those_of_the_code() -> None:
    told = {_named(row[0]): row[1] for row in _rows("Timings")}
    config = EdgeConfig(node="n")

    assert told["hello"] == f"{config.hello_ms // 1000} s"
    assert told["ping_ms"] == f"{config.ping_ms // 1000} s"
    assert told["pong_wait_ms"] == f"{config.pong_wait_ms // 1000} s"
    assert told["grace_ms"] == f"{config.grace_ms // 1000} s"
    assert told["drain"] == f"{config.drain_grace_ms // 1000} s"
    assert told["idle_ms"] == f"{config.idle_ms // 60_000} min"
