"""Codec of ``presence-nodes``: leases and ticks as JSON, keyed by node (ticks by a control key)."""

import msgspec

from presence.domain.errors import UndecodableRecord
from presence.domain.ids import CONTROL_MARK
from presence.domain.leases import NodeRecord, Tick

TICK_KEY = f"{CONTROL_MARK}tick"

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[NodeRecord] = msgspec.json.Decoder(NodeRecord)


def node_record_key(record: NodeRecord) -> str:
    """The Kafka key: compaction keeps the last word about each node."""
    return TICK_KEY if isinstance(record, Tick) else record.node


def encode_node_record(record: NodeRecord) -> bytes:
    """Encode for ``presence-nodes``; goes with `presence.wire.events.HEADERS`."""
    return _encoder.encode(record)


def decode_node_record(value: bytes | None) -> NodeRecord:
    """Decode a record of ``presence-nodes``. Raises `UndecodableRecord`."""
    try:
        return _decoder.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise UndecodableRecord("decode", str(exc)) from exc
