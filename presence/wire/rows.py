"""Codec of the table ``users`` and its changelog: rows of users, and fences under control keys."""

import msgspec

from presence.domain.errors import UndecodableRecord
from presence.domain.ids import CONTROL_MARK, NodeId, UserKey
from presence.domain.state import NodeFence, UserPresence

Row = UserPresence | NodeFence

ROW_VERSION = 1
"""Version of the row's form. A table of another version is rebuilt from the log, so rows need no upcaster."""

_encoder = msgspec.json.Encoder()
_canonical = msgspec.json.Encoder(order="deterministic")
_users = msgspec.json.Decoder(UserPresence)
_fences = msgspec.json.Decoder(NodeFence)


def encode_row(row: Row) -> bytes:
    """Encode a row for the changelog."""
    return _encoder.encode(row)


def canonical_row(row: Row) -> bytes:
    """Encode with sorted keys: equal rows give equal bytes, whatever order things happened in. For digests."""
    return _canonical.encode(row)


def decode_row(key: str, value: bytes) -> Row:
    """Decode a row of the changelog. Raises `UndecodableRecord`."""
    try:
        return (_fences if key.startswith(CONTROL_MARK) else _users).decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise UndecodableRecord("decode", str(exc)) from exc


def fence_key(partition: int, node: NodeId) -> UserKey:
    """The table key of a partition's fence; the partition is in it because one store holds all partitions."""
    return UserKey(f"{CONTROL_MARK}fence/{partition}/{node}")
