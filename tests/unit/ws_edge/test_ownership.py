"""Whether a connection still holds its session."""

from presence.domain.commands import Attachment
from presence.domain.ids import ConnectionId, DeviceId, NodeEpoch, NodeId, SessionId, UserId
from tests.support.facts import closed, fold, grace_over, lost, opened
from ws_edge.codes import CLOSE_CODES, Code
from ws_edge.ownership import judge

OWN = Attachment(UserId("alice"), SessionId("s1"), ConnectionId("c1"), NodeId("n1"), NodeEpoch(1), DeviceId("phone"))


def test_who_opened_the_session_holds_it() -> None:
    assert judge(fold(opened()), OWN, opened_offset=0) is None


def test_who_lost_the_lease_but_not_yet_the_session_holds_it() -> None:
    assert judge(fold(opened(), lost()), OWN, opened_offset=0) is None


def test_a_row_older_than_the_opening_says_nothing() -> None:
    assert judge(fold(opened(connection="c0")), OWN, opened_offset=1) is None
    assert judge(None, OWN, opened_offset=0) is None


def test_another_connection_that_took_the_session_replaces() -> None:
    assert judge(fold(opened(), opened(connection="c2")), OWN, opened_offset=0) is Code.REPLACED


def test_a_session_that_ran_out_while_the_node_was_frozen_sends_its_client_back() -> None:
    """It was answered with 4508, which told clients never to come back, though they had done nothing."""
    state = fold(opened(), lost(), grace_over(lost_offset=1))

    code = judge(state, OWN, opened_offset=0)

    assert code is Code.RESTART
    assert CLOSE_CODES[code].reconnect


def test_a_session_closed_by_somebody_else_sends_its_client_back_too() -> None:
    assert judge(fold(opened(), closed(connection=None)), OWN, opened_offset=0) is Code.RESTART
