"""Effects keep one row per key, and events as the log has them."""

from presence.domain.events import NodeLost
from presence.domain.ids import EventId, Millis, NodeEpoch, NodeId
from projections.effects import event_row
from projections.reading import Logged, read
from tests.support.log_script import Step, opened, script
from tests.unit.projections.folded import folded


def logged(step: Step) -> Logged:
    """The step as it was read."""
    [record] = script(step)
    result = read(record)
    assert isinstance(result, Logged)
    return result


def test_an_event_row_names_the_user_and_what_the_event_names() -> None:
    row = event_row(logged(opened("alice/home", "s1")))

    assert (row.tenant, row.user) == ("acme", "alice/home")
    assert (row.type, row.session, row.node) == ("session_opened", "s1", "n1")


def test_an_event_row_holds_the_json_of_the_log_untouched() -> None:
    raw = b'{ "type":"override_cleared", "id":"e", "layer":"user", "later_field":[1.50] }'

    assert event_row(logged(raw)).payload == raw.decode()


def test_a_control_event_is_about_no_single_user() -> None:
    lost = NodeLost(EventId("e"), NodeId("n1"), NodeEpoch(1), Millis(1))

    row = event_row(logged(("~node/n1", lost)))

    assert (row.tenant, row.user, row.type, row.session, row.node) == (None, None, "node_lost", None, "n1")


def test_many_changes_of_a_session_are_one_row() -> None:
    rows = folded(script(*(opened("alice", "s1", node=f"n{n}") for n in range(5))))

    assert [(row.node, row.reconnects) for row in rows.sessions] == [("n4", 4)]
    assert [(row.offset, row.nodes) for row in rows.states] == [(4, ("n4",))]
    assert len(rows.events) == 5
