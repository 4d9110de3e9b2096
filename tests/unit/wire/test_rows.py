"""The codec of the table."""

import pytest
from msgspec.structs import replace

from presence.domain.errors import UndecodableRecord
from presence.domain.ids import NodeEpoch, NodeId, SessionId
from presence.domain.state import NodeFence
from presence.domain.status import Status
from presence.wire.rows import canonical_row, decode_row, encode_row, fence_key
from tests.support.facts import folded, lost, opened, override

FENCE = NodeFence(20, NodeId("n1"), NodeEpoch(3), ((10, NodeEpoch(1)),))


def test_a_users_row_comes_back_as_it_was() -> None:
    row = folded(
        opened(rooms=["b", "a"], meta={"k": [1, None]}), lost(), opened("s2", "c2"), override(Status.DND, note="x")
    )

    assert decode_row("acme/alice", encode_row(row)) == row
    assert decode_row("acme/alice", canonical_row(row)) == row


def test_a_fences_row_comes_back_as_it_was() -> None:
    key = fence_key(7, NodeId("n1"))

    assert key == "~fence/7/n1"
    assert decode_row(key, encode_row(FENCE)) == FENCE


def test_a_fence_written_before_it_had_a_memory_is_read() -> None:
    assert decode_row("~fence/0/n1", b'{"offset":20,"node":"n1","node_epoch":3}') == NodeFence(
        20, NodeId("n1"), NodeEpoch(3)
    )


def test_equal_rows_have_one_canonical_form_whatever_order_things_came_in() -> None:
    row = folded(opened("s1", meta={"b": 1, "a": {"d": 1, "c": 2}}), opened("s2", "c2"))
    meta = {"a": {"c": 2, "d": 1}, "b": 1}
    sessions = {"s2": row.sessions[SessionId("s2")], "s1": replace(row.sessions[SessionId("s1")], meta=meta)}
    same = replace(row, sessions=sessions)

    assert same == row
    assert encode_row(same) != encode_row(row)
    assert canonical_row(same) == canonical_row(row)


@pytest.mark.parametrize("value", [b"", b"null", b"[]", b"{}", b"\xff", b'{"x":' + b"[" * 100_000])
@pytest.mark.parametrize("key", ["acme/alice", "~fence/0/n1"])
def test_garbage_is_undecodable(key: str, value: bytes) -> None:
    with pytest.raises(UndecodableRecord, match="decode"):
        decode_row(key, value)
