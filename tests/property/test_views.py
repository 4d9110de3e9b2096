"""What watchers see of any two states: diffs carry a picture over exactly, and hidden means hidden."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from presence.domain.ids import RoomId
from presence.domain.state import UserPresence
from presence.domain.status import Status
from presence.domain.views import Audience, DiffKind, Presence, diff, rooms_of, view_in_room, view_user
from tests.support import strategies as some

audiences = st.sampled_from(Audience)
a_room = st.just(RoomId("r"))
rooms = st.lists(st.sampled_from(["r", "q"]), max_size=2, unique=True).map(sorted).map(tuple)


@st.composite
def coherent_rows(draw: st.DrawFn) -> UserPresence:
    """Any row whose parts fit: offline without sessions, visible exactly when it says since when."""
    row = draw(some.user_rows)
    held = {name: replace(session, rooms=draw(rooms)) for name, session in row.sessions.items()}
    status = draw(st.sampled_from([s for s in Status if s is not Status.OFFLINE] if held else [Status.OFFLINE]))
    visible_since = draw(some.times) if status.is_visible else None
    return replace(row, status=status, sessions=held, visible_since=visible_since)


states = st.none() | coherent_rows()


def carried(before: Presence | None, after: Presence | None) -> Presence | None:
    """A watcher's picture of one user after the diff; absent is None."""
    picture = before if before is not None and before.status is not Status.OFFLINE else None
    match diff(before, after):
        case DiffKind.JOIN | DiffKind.UPDATE:
            return after
        case DiffKind.LEAVE:
            return None
        case None:
            return picture


@given(states, states, audiences)
def test_a_diff_carries_the_picture_of_a_user_over(
    before: UserPresence | None, after: UserPresence | None, audience: Audience
) -> None:
    seen = view_user(after, audience)

    picture = carried(view_user(before, audience), seen)

    assert picture == (None if seen.status is Status.OFFLINE else seen)


@given(states, states, a_room, audiences)
def test_a_diff_carries_the_picture_of_a_room_over(
    before: UserPresence | None, after: UserPresence | None, room: RoomId, audience: Audience
) -> None:
    assert carried(view_in_room(before, room, audience), view_in_room(after, room, audience)) == view_in_room(
        after, room, audience
    )


@given(states, audiences)
def test_what_looks_alike_makes_no_diff(state: UserPresence | None, audience: Audience) -> None:
    assert diff(view_user(state, audience), view_user(state, audience)) is None


@given(coherent_rows(), some.metas, a_room)
def test_who_is_hidden_looks_offline_byte_for_byte(row: UserPresence, meta: dict[str, object], room: RoomId) -> None:
    hidden = replace(row, status=Status.INVISIBLE, visible_since=None)
    # Whatever their devices do meanwhile.
    busy = replace(hidden, sessions={name: replace(s, meta=meta) for name, s in hidden.sessions.items()})
    gone = replace(hidden, status=Status.OFFLINE, sessions={}, overrides={})

    seen = {msgspec.json.encode(view_user(state, Audience.PUBLIC)) for state in (hidden, busy, gone)}

    assert len(seen) == 1
    assert view_in_room(hidden, room, Audience.PUBLIC) is None
    assert diff(view_user(hidden, Audience.PUBLIC), view_user(busy, Audience.PUBLIC)) is None


@given(coherent_rows())
def test_the_public_learns_no_time_from_before_somebody_became_visible(row: UserPresence) -> None:
    if row.visible_since is None:
        return

    seen = view_user(row, Audience.PUBLIC)

    assert all(device.since >= row.visible_since for device in seen.devices)


@given(coherent_rows())
def test_who_may_see_all_sees_every_device_with_its_own_times(row: UserPresence) -> None:
    seen = view_user(row, Audience.FULL)

    assert {device.session: device.since for device in seen.devices} == {
        name: session.opened_at for name, session in row.sessions.items()
    }
    assert [device.session for device in seen.devices] == sorted(row.sessions)


@given(states, audiences)
def test_somebody_is_seen_in_exactly_the_rooms_of_their_sessions(
    state: UserPresence | None, audience: Audience
) -> None:
    is_seen = view_user(state, audience).status is not Status.OFFLINE

    for room in (RoomId("r"), RoomId("q")):
        there = view_in_room(state, room, audience)

        assert (there is not None) == (is_seen and room in rooms_of(state))
        assert there is None or all(device in view_user(state, audience).devices for device in there.devices)
