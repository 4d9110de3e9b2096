"""Raw records in, events out: what cannot be read, or could not be kept, becomes a dead letter."""

import re

from msgspec import Struct

from presence.domain.errors import UndecodableRecord
from presence.domain.events import Event, Stamp
from presence.domain.ids import UserKey
from presence.ports import DeadLetter, LogRecord
from presence.wire.events import decode_event, decode_key

STAGE = "history"

_LATEST_AT = 253_402_300_799_999
"""The end of the year 9999: later times have no date."""

_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Logged(Struct, frozen=True, gc=False):
    """A record that could be read."""

    record: LogRecord
    key: UserKey
    event: Event
    stamp: Stamp


def read(record: LogRecord) -> Logged | DeadLetter:
    """Read one record of ``presence-events``. Never raises: the same record always gives the same answer."""
    try:
        event = decode_event(record.value, record.headers)
        key = decode_key(record.key, event)
        _check_storable(record)
    except UndecodableRecord as exc:
        return dead_letter(record, exc.reason, exc.detail)
    return Logged(record, key, event, Stamp(record.offset, record.at))


def dead_letter(record: LogRecord, reason: str, detail: str) -> DeadLetter:
    """A record that the history does not hold, and why."""
    return DeadLetter(record, STAGE, reason, detail)


def _check_storable(record: LogRecord) -> None:
    """Refuse what no store of text and dates can hold, before it spoils a batch."""
    value = record.value or b""
    if b"\\u0000" in value and _ESCAPED_NUL.search(value):
        raise UndecodableRecord("refused", "the character U+0000 cannot be stored")
    if not 0 <= record.at <= _LATEST_AT:
        raise UndecodableRecord("refused", f"no date for the timestamp {record.at}")
    try:
        value.decode()
    except UnicodeDecodeError as exc:
        raise UndecodableRecord("decode", "not UTF-8") from exc
