"""Rows become the bytes of the changelog and back."""

import pytest

from presence.domain.errors import UndecodableRecord
from presence.domain.ids import Millis, NodeEpoch, NodeId
from presence.domain.state import NodeFence, UserPresence
from presence.domain.status import Status
from presence.wire.rows import encode_row, fence_key
from streams.codec import UserRowCodec

USER = UserPresence(offset=7, status=Status.ONLINE, since=Millis(1))
FENCE = NodeFence(9, NodeId("n"), NodeEpoch(2))


@pytest.mark.parametrize(("key", "row"), [("acme/ann", USER), (fence_key(3, NodeId("n")), FENCE)])
def test_a_row_is_what_the_wire_says_and_comes_back(key: str, row: UserPresence | NodeFence) -> None:
    codec = UserRowCodec()

    encoded = codec.encode(row)

    assert encoded == encode_row(row)
    assert codec.decode(key, encoded) == row
    assert codec.offset(row) == row.offset


def test_bytes_that_are_no_row_are_refused() -> None:
    with pytest.raises(UndecodableRecord):
        UserRowCodec().decode("acme/ann", b"{")
