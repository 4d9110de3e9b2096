"""Codec of ``presence-nodes``: leases and ticks as JSON, keyed by node epoch (ticks by a control key)."""

import msgspec

from presence.domain.errors import UndecodableRecord
from presence.domain.ids import CONTROL_MARK
from presence.domain.leases import NodeRecord, Tick

TICK_KEY = f"{CONTROL_MARK}tick"

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[NodeRecord] = msgspec.json.Decoder(NodeRecord)


def node_record_key(record: NodeRecord) -> str:
    """The Kafka key: compaction keeps the last word about each epoch of a node.

    Were the key the node alone, the `LeaseLost` of an earlier epoch could be kept in place of the newer epoch's
    heartbeat, and nobody would ever know that the newer one must be watched.
    """
    return TICK_KEY if isinstance(record, Tick) else f"{record.node}/{record.node_epoch}"


def encode_node_record(record: NodeRecord) -> bytes:
    """Encode for ``presence-nodes``; goes with `presence.wire.events.HEADERS`."""
    return _encoder.encode(record)


def decode_node_record(value: bytes | None) -> NodeRecord:
    """Decode a record of ``presence-nodes``. Raises `UndecodableRecord`."""
    try:
        return _decoder.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise UndecodableRecord("decode", str(exc)) from exc
