"""The codec of ``presence-nodes``."""

import pytest

from presence.domain.errors import UndecodableRecord
from presence.domain.ids import NodeEpoch, NodeId
from presence.domain.leases import Heartbeat, LeaseLost, NodeRecord, NodeStopped, Tick
from presence.wire.nodes import TICK_KEY, decode_node_record, encode_node_record, node_record_key

N, E = NodeId("n1"), NodeEpoch(3)


@pytest.mark.parametrize("record", [Heartbeat(N, E, 7), NodeStopped(N, E), LeaseLost(N, E), Tick("d")])
def test_node_records_come_back_as_they_were(record: NodeRecord) -> None:
    assert decode_node_record(encode_node_record(record)) == record


@pytest.mark.parametrize("record", [Heartbeat(N, E), NodeStopped(N, E), LeaseLost(N, E)])
def test_compaction_keeps_the_last_word_about_each_epoch(record: NodeRecord) -> None:
    """Under the node alone, the loss of epoch 1 could outlive the heartbeat of epoch 2, which nobody then watched."""
    assert node_record_key(record) == "n1/3"


def test_ticks_have_a_key_that_no_node_can_have() -> None:
    assert node_record_key(Tick("d")) == TICK_KEY == "~tick"


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{}",
        b"\xff",
        b'{"type":"x"}',
        b'{"type":"heartbeat","node":"n","node_epoch":-1}',
        b'{"type":"tick","detector":"\xff"}',
        b'{"type":"tick","x":' + b"[" * 100_000,
    ],
)
def test_garbage_is_undecodable(value: bytes | None) -> None:
    with pytest.raises(UndecodableRecord, match="decode"):
        decode_node_record(value)
