"""What is due because time passed."""

from presence.domain.deadlines import earliest_deadline, expiries
from presence.domain.events import GraceOver, OverrideOver, RetentionOver
from presence.domain.ids import EventId, Millis, SessionId
from presence.domain.status import Layer, Status
from tests.support.facts import T0, closed, folded, lost, opened, override

DAY = Millis(24 * 3600 * 1000)


def at(after_ms: int) -> Millis:
    """A time after `T0`."""
    return Millis(T0 + after_ms)


def test_a_user_who_is_here_has_no_deadline() -> None:
    state = folded(opened())

    assert earliest_deadline(state, DAY) is None
    assert expiries(state, at(10 * DAY), DAY) == []


def test_a_grace_is_over_at_its_very_end_and_says_what_it_observed() -> None:
    state = folded(opened(), lost(grace_ms=15_000))

    assert earliest_deadline(state, DAY) == at(16_000)
    assert expiries(state, at(15_999), DAY) == []
    assert expiries(state, at(16_000), DAY) == [GraceOver(EventId("grace_over/s1/1"), SessionId("s1"), 1)]


def test_an_override_is_over_at_its_very_end() -> None:
    state = folded(opened(), override(Status.DND, until=T0 + 60_000))

    assert earliest_deadline(state, DAY) == at(60_000)
    assert expiries(state, at(59_999), DAY) == []
    assert expiries(state, at(60_000), DAY) == [OverrideOver(EventId("override_over/user/1"), Layer.USER, 1)]


def test_everything_that_is_due_comes_at_once() -> None:
    state = folded(opened("s1", "c1"), opened("s2", "c2"), lost("s1", "c1"), lost("s2", "c2"), override(Status.DND))

    due = expiries(state, at(3_600_000), DAY)

    assert {event.id for event in due} == {"grace_over/s1/2", "grace_over/s2/3", "override_over/user/4"}


def test_an_offline_user_is_kept_for_the_retention() -> None:
    state = folded(opened(), closed())

    assert earliest_deadline(state, DAY) == at(1_000 + DAY)
    assert expiries(state, at(999 + DAY), DAY) == []
    assert expiries(state, at(1_000 + DAY), DAY) == [RetentionOver(EventId("retention_over/1"), 1)]


def test_an_override_that_may_still_apply_keeps_its_offline_user() -> None:
    state = folded(override(Status.DND, until=T0 + 3 * DAY))

    assert earliest_deadline(state, DAY) == at(3 * DAY)
    assert expiries(state, at(2 * DAY), DAY) == []
    assert [type(event) for event in expiries(state, at(3 * DAY), DAY)] == [OverrideOver]
