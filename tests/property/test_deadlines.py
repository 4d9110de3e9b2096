"""Deadlines and expiries on any row: they go together, get somewhere, and lose to whatever happens meanwhile."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from presence.domain.deadlines import earliest_deadline, expiries
from presence.domain.events import Event, RetentionOver, Stamp
from presence.domain.fold import evolve
from presence.domain.ids import DeviceId, Millis, SessionId
from presence.domain.state import Live, Lost, Override, Session, UserPresence
from presence.domain.status import Activity, Status
from tests.support import strategies as some
from tests.support.facts import activity, lost, opened, override

RETENTION = Millis(10)

# Small numbers, so that deadlines meet.
moments = st.integers(0, 20).map(Millis)
offsets = st.integers(0, 50)
names = st.sampled_from(["s1", "s2", "s3"]).map(SessionId)
lives = st.builds(Live, some.names, some.names, some.counts) | st.builds(
    Lost, some.names, some.names, some.counts, moments, offsets
)
sessions = st.builds(Session, st.just(DeviceId("d")), moments, lives, some.activities, moments)
rows = st.builds(
    UserPresence,
    st.integers(50, 60),
    st.just(Status.OFFLINE),
    moments,
    st.dictionaries(names, sessions, max_size=3),
    st.dictionaries(some.layers, st.builds(Override, some.statuses, moments, offsets), max_size=3),
)


@given(rows, moments)
def test_something_is_due_exactly_when_the_earliest_deadline_is(row: UserPresence, now: Millis) -> None:
    deadline = earliest_deadline(row, RETENTION)

    due = expiries(row, now, RETENTION)

    assert bool(due) == (deadline is not None and deadline <= now)


@given(rows, moments)
def test_folding_what_is_due_ends_after_two_rounds(row: UserPresence, now: Millis) -> None:
    state: UserPresence | None = row
    rounds = 0

    while state is not None and (due := expiries(state, now, RETENTION)):
        for event in due:
            state = evolve(state, event, Stamp(state.offset + 1, now)) if state is not None else None
        rounds += 1

    # Graces and overrides together, then the retention of who is left with nothing.
    assert rounds <= 2


@given(rows, moments)
def test_what_is_due_has_names_of_its_own(row: UserPresence, now: Millis) -> None:
    due = expiries(row, now, RETENTION)

    assert len({event.id for event in due}) == len(due)
    assert due == expiries(row, now, RETENTION)


@given(rows, moments, st.data())
def test_whatever_happens_meanwhile_wins_over_the_expiry_it_concerns(
    row: UserPresence, now: Millis, data: st.DataObject
) -> None:
    due = expiries(row, now, RETENTION)
    layer = data.draw(some.layers)
    back = opened("s1", "c9", "n9", 9)
    events: list[Event] = [back, override(Status.BUSY, layer, until=now + 1)]
    news: Event = data.draw(st.sampled_from(events))

    changed = evolve(row, news, Stamp(row.offset + 1, now))
    assert changed is not None
    state = changed
    for step, event in enumerate(due):
        state = evolve(state, event, Stamp(row.offset + 2 + step, now)) or state

    if news is back:
        assert state.sessions[SessionId("s1")] == changed.sessions[SessionId("s1")]
    else:
        assert state.overrides[layer] == changed.overrides[layer]


@given(rows.filter(lambda row: not row.sessions and not row.overrides), moments)
def test_a_retention_is_void_once_anything_was_folded(row: UserPresence, now: Millis) -> None:
    over = RetentionOver(f"r{row.offset}", row.offset)  # type: ignore[arg-type]

    touched = evolve(row, activity(activity=Activity.BUSY), Stamp(row.offset + 1, now))

    assert evolve(touched, over, Stamp(row.offset + 2, now)) is not None
    assert evolve(row, over, Stamp(row.offset + 1, now)) is None


@given(rows, moments)
def test_nobody_is_forgotten_while_an_override_of_theirs_may_apply(row: UserPresence, late: Millis) -> None:
    gone = replace(row, sessions={}, since=Millis(0))
    now = Millis(RETENTION + late // 2)

    due = expiries(gone, now, RETENTION)

    is_over = [isinstance(event, RetentionOver) for event in due]
    assert any(is_over) == (not gone.overrides)
    assert bool(due) == (not gone.overrides or min(held.until for held in gone.overrides.values()) <= now)


@given(rows, moments, moments)
def test_a_deadline_never_comes_earlier_by_waiting(row: UserPresence, now: Millis, later: Millis) -> None:
    now, later = min(now, later), max(now, later)

    assert {e.id for e in expiries(row, now, RETENTION)} <= {
        e.id for e in expiries(row, later, RETENTION) if not isinstance(e, RetentionOver)
    } | {e.id for e in expiries(row, now, RETENTION) if isinstance(e, RetentionOver)}


@given(st.integers(0, 1_000))
def test_a_grace_of_any_length_ends_at_its_instant_and_not_before(grace_ms: int) -> None:
    state = evolve(None, opened(), Stamp(0, Millis(0)))
    state = evolve(state, lost(grace_ms=grace_ms), Stamp(1, Millis(7)))
    assert state is not None
    state = replace(state, since=Millis(1 << 40))

    assert expiries(state, Millis(7 + grace_ms - 1), RETENTION) == []
    assert len(expiries(state, Millis(7 + grace_ms), RETENTION)) == 1
