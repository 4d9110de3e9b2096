"""The merge rule: it looks at what is there, not at how it came about, and the strongest wins."""

from hypothesis import given
from hypothesis import strategies as st

from presence.domain.ids import SessionId
from presence.domain.merge import merge
from presence.domain.state import Override, Session
from presence.domain.status import Activity, Layer, Status
from tests.support import strategies as some

Sessions = dict[SessionId, Session]
Overrides = dict[Layer, Override]

sessions = st.dictionaries(some.names, some.sessions, max_size=4)
overrides = st.dictionaries(some.layers, some.overrides, max_size=3)


@given(sessions, overrides, st.data())
def test_the_order_in_which_things_happened_does_not_matter(
    held: Sessions, set_by: Overrides, data: st.DataObject
) -> None:
    shuffled = dict(data.draw(st.permutations(list(held.items()))))
    reordered = dict(data.draw(st.permutations(list(set_by.items()))))

    assert merge(shuffled, reordered) == merge(held, set_by)


@given(overrides)
def test_who_has_no_session_is_offline_whatever_was_set(set_by: Overrides) -> None:
    assert merge({}, set_by).status is Status.OFFLINE


@given(sessions.filter(bool), overrides.filter(bool))
def test_the_strongest_layer_decides_alone(held: Sessions, set_by: Overrides) -> None:
    strongest = next(layer for layer in (Layer.ADMIN, Layer.USER, Layer.APP) if layer in set_by)

    merged = merge(held, set_by)

    assert (merged.layer, merged.status) == (strongest, set_by[strongest].status)
    assert merged == merge(held, {strongest: set_by[strongest]})


@given(sessions.filter(bool))
def test_without_overrides_the_busiest_session_decides(held: Sessions) -> None:
    said = {session.activity for session in held.values()}
    expected = next(a for a in (Activity.BUSY, Activity.ACTIVE, Activity.IDLE) if a in said)

    merged = merge(held, {})

    assert merged.status is expected.status
    assert merged.session is not None
    winner = held[merged.session]
    alike = {name: s for name, s in held.items() if s.activity is winner.activity}
    assert winner.last_active == max(s.last_active for s in alike.values())
    assert merged.session == max(name for name, s in alike.items() if s.last_active == winner.last_active)


@given(sessions, sessions)
def test_merging_parts_and_then_their_winners_is_merging_all(one: Sessions, other: Sessions) -> None:
    """Associative: so sessions may be merged region by region and the regions' winners again."""
    other = {name: session for name, session in other.items() if name not in one}

    winners = {winner: part[winner] for part in (one, other) if (winner := merge(part, {}).session) is not None}

    assert merge(winners, {}) == merge(one | other, {})


@given(sessions)
def test_merging_the_winner_again_changes_nothing(held: Sessions) -> None:
    merged = merge(held, {})

    again = {} if merged.session is None else {merged.session: held[merged.session]}

    assert merge(again, {}) == merged
