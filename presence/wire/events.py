"""Codec of ``presence-events``: JSON with a schema version in a header.

Old versions are brought up by `UPCASTERS` before decoding, so that the rest of the system knows the newest only.
``tests/golden/events`` holds the bytes of every version ever released.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from presence.domain.errors import UndecodableRecord
from presence.domain.events import Event, MetaChanged, NodeLost, SessionOpened
from presence.domain.ids import CONTROL_MARK, UserKey, is_user_key
from presence.domain.nesting import is_deeper

SCHEMA_HEADER = "schema"
SCHEMA_VERSION = 1
HEADERS: tuple[tuple[str, bytes], ...] = ((SCHEMA_HEADER, str(SCHEMA_VERSION).encode()),)
"""Headers of every event we append."""

MAX_EVENT_BYTES = 256 * 1024
"""Larger values are refused as dead letters: 128 rooms and 1 KiB of meta need less than 40 KiB."""

MAX_META_DEPTH = 64
"""Deeper data is refused. The edge allows less; this bound keeps what one process folds foldable in every other,
whatever is on its stack: the decoder's own limit is the interpreter's recursion limit less the caller's depth."""

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTERS: dict[int, Upcaster] = {}
"""version -> function that turns the JSON object of that version into the next version's."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_current = HEADERS[0][1]


def encode_event(event: Event) -> bytes:
    """Encode for the log; goes with `HEADERS`."""
    return _encoder.encode(event)


def decode_event(value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> Event:
    """Decode a record of the log, whatever released version it has.

    Raises:
        UndecodableRecord: with reason ``empty``, ``size``, ``schema``, ``schema_future``, ``type`` or ``decode``.
    """
    if not value:
        raise UndecodableRecord("empty", "the record has no value")
    if len(value) > MAX_EVENT_BYTES:
        raise UndecodableRecord("size", f"{len(value)} bytes, the limit is {MAX_EVENT_BYTES}")
    schema = next((v for k, v in headers if k == SCHEMA_HEADER), None)
    try:
        event = _decoder.decode(value) if schema == _current else _decode_old(value, _version(schema))
    except msgspec.ValidationError as exc:
        reason = "type" if "Invalid value" in str(exc) and "$.type" in str(exc) else "decode"
        raise UndecodableRecord(reason, str(exc)) from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise UndecodableRecord("decode", str(exc)) from exc
    if value.count(b"[") + value.count(b"{") > MAX_META_DEPTH and _is_too_deep(event):
        raise UndecodableRecord("decode", f"meta nested deeper than {MAX_META_DEPTH}")
    return event


def decode_key(key: bytes | None, event: Event) -> UserKey:
    """Check that a record's key fits its event.

    Raises:
        UndecodableRecord: with reason ``key``.
    """
    try:
        text = (key or b"").decode()
    except UnicodeDecodeError as exc:
        raise UndecodableRecord("key", "not UTF-8") from exc
    fits = text.startswith(CONTROL_MARK) if isinstance(event, NodeLost) else is_user_key(text)
    if not fits:
        raise UndecodableRecord("key", f"no key for {type(event).__name__}")
    return UserKey(text)


def control_key(node: str) -> UserKey:
    """The key of control records about a node."""
    return UserKey(f"{CONTROL_MARK}node/{node}")


def _is_too_deep(event: Event) -> bool:
    return isinstance(event, SessionOpened | MetaChanged) and is_deeper(event.meta, MAX_META_DEPTH)


def _version(schema: bytes | None) -> int:
    text = (schema or b"").decode("ascii", "replace")
    if not text.isdigit() or len(text) > 4:
        raise UndecodableRecord("schema", "no readable schema version in the headers")
    version = int(text)
    if version > SCHEMA_VERSION:
        raise UndecodableRecord("schema_future", f"version {version}, this build knows {SCHEMA_VERSION}")
    return version


def _decode_old(value: bytes, version: int) -> Event:
    data = msgspec.json.decode(value, type=dict[str, Any])
    while version < SCHEMA_VERSION:
        upcaster = UPCASTERS.get(version)
        if upcaster is None:
            raise UndecodableRecord("schema", f"version {version} was never released")
        data = upcaster(data)
        version += 1
    event: Event = msgspec.convert(data, Event)
    return event
