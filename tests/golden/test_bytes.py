"""Every record, row and frame type has bytes that it was released with, and they are read and written still.

What the files are and why nobody regenerates them: README.md beside this.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from presence.domain.events import Event
from presence.domain.leases import NodeRecord
from presence.domain.state import NodeFence, UserPresence
from presence.domain.status import Activity, CloseReason, Layer, LostReason, Status
from presence.wire.events import HEADERS, SCHEMA_VERSION, decode_event, encode_event
from presence.wire.frames import ClientFrame, ServerFrame, decode_client_frame, decode_server_frame, encode_frame
from presence.wire.nodes import decode_node_record, encode_node_record
from presence.wire.rows import ROW_VERSION, decode_row, encode_row
from presence.wire.topics import topic_specs

HERE = Path(__file__).parent


class Kind(NamedTuple):
    """One folder of goldens: its types by tag, and the codec that must understand them."""

    folder: str
    types: dict[str, msgspec.inspect.StructType]
    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]


def by_tag(union: Any) -> dict[str, msgspec.inspect.StructType]:
    """The members of a tagged union."""
    info = msgspec.inspect.type_info(union)
    assert isinstance(info, msgspec.inspect.UnionType)
    return {str(member.tag): member for member in info.types if isinstance(member, msgspec.inspect.StructType)}


def struct(of: type) -> msgspec.inspect.StructType:
    """What is known of one struct."""
    info = msgspec.inspect.type_info(of)
    assert isinstance(info, msgspec.inspect.StructType)
    return info


def decode_any_row(value: bytes) -> UserPresence | NodeFence:
    """A row by its own form; in the table, its key tells."""
    return decode_row("~fence/0/n" if b'"node":"' in value[:30] else "acme/alice", value)


KINDS = (
    Kind("events/v1", by_tag(Event), lambda value: decode_event(value, HEADERS), encode_event),
    Kind("nodes/v1", by_tag(NodeRecord), decode_node_record, encode_node_record),
    Kind("rows/v1", {"user": struct(UserPresence), "fence": struct(NodeFence)}, decode_any_row, encode_row),
    Kind("frames/v1/client", by_tag(ClientFrame), decode_client_frame, encode_frame),
    Kind("frames/v1/server", by_tag(ServerFrame), decode_server_frame, encode_frame),
)
FILES = [(kind, path) for kind in KINDS for path in sorted((HERE / kind.folder).glob("*.json"))]
FULL = [(kind, path) for kind, path in FILES if "." not in path.stem]


def name(value: object) -> str | None:
    """A test's id."""
    return value.relative_to(HERE).as_posix() if isinstance(value, Path) else ""


def golden(path: Path) -> bytes:
    """The bytes of a file without its last line feed."""
    return path.read_bytes().removesuffix(b"\n")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.folder)
def test_every_type_has_a_golden_and_every_golden_a_type(kind: Kind) -> None:
    files = {path.stem for known, path in FULL if known is kind}

    assert files == kind.types.keys()


def test_there_are_goldens_of_every_version_and_of_no_other() -> None:
    assert {path.name for path in (HERE / "events").iterdir()} == {f"v{n + 1}" for n in range(SCHEMA_VERSION)}
    assert {path.name for path in (HERE / "rows").iterdir()} == {f"v{ROW_VERSION}"}


@pytest.mark.parametrize(("kind", "path"), FULL, ids=name)
def test_what_was_written_is_read_and_written_alike(kind: Kind, path: Path) -> None:
    value = golden(path)

    assert kind.encode(kind.decode(value)) == value


@pytest.mark.parametrize(("kind", "path"), FULL, ids=name)
def test_every_field_is_in_it_with_a_value_that_is_not_the_default(kind: Kind, path: Path) -> None:
    fields = kind.types[path.stem].fields
    decoded = kind.decode(golden(path))

    unsaid = [
        field.name
        for field in fields
        if (field.default is not msgspec.NODEFAULT and getattr(decoded, field.name) == field.default)
        or (field.default_factory is not msgspec.NODEFAULT and not getattr(decoded, field.name))
    ]

    assert unsaid == []


@pytest.mark.parametrize(("kind", "path"), [pair for pair in FILES if pair not in FULL], ids=name)
def test_what_leaves_optional_fields_out_is_read_and_completed(kind: Kind, path: Path) -> None:
    said = json.loads(golden(path))

    completed = json.loads(kind.encode(kind.decode(golden(path))))

    assert said.items() <= completed.items()
    assert {f.encode_name for f in kind.types[path.stem.split(".")[0]].fields if f.required} <= said.keys()


def test_closed_vocabularies_are_as_they_were_released() -> None:
    released: dict[str, list[str]] = json.loads(golden(HERE / "words.json"))

    now = {kind.__name__: [word.value for word in kind] for kind in (Status, Activity, Layer, CloseReason, LostReason)}

    assert now == released


def test_topics_are_kept_as_they_were_released() -> None:
    released = json.loads(golden(HERE / "topics.json"))

    assert {s.name: {"partitions": s.partitions, "config": s.config} for s in topic_specs()} == released
