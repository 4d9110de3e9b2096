"""What watchers see, by audience."""

import msgspec
import pytest

from presence.domain.ids import DeviceId, Millis, RoomId, SessionId
from presence.domain.state import UserPresence
from presence.domain.status import Activity, Layer, Status
from presence.domain.views import (
    OFFLINE,
    Audience,
    Device,
    DiffKind,
    Presence,
    diff,
    rooms_of,
    view_in_room,
    view_user,
)
from tests.support.facts import T0, activity, cleared, closed, folded, joined, lost, opened, override

R = RoomId("r")
PUBLIC, FULL = Audience.PUBLIC, Audience.FULL
ONLINE = Presence(Status.ONLINE, Millis(T0))


def test_nobody_known_is_offline() -> None:
    assert view_user(None, PUBLIC) == OFFLINE
    assert view_in_room(None, R, PUBLIC) is None
    assert rooms_of(None) == frozenset()


def test_a_visible_user_is_shown_with_their_devices_in_order() -> None:
    state = folded(opened("s2", "c2", device="laptop"), opened("s1", "c1", meta={"k": 1}, activity=Activity.IDLE))

    assert view_user(state, PUBLIC) == Presence(
        Status.ONLINE,
        Millis(T0),
        devices=(
            Device(SessionId("s1"), DeviceId("phone"), Activity.IDLE, Millis(T0 + 1_000), {"k": 1}),
            Device(SessionId("s2"), DeviceId("laptop"), Activity.ACTIVE, Millis(T0)),
        ),
    )


def test_an_offline_user_shows_when_they_were_last_seen_and_nothing_else() -> None:
    assert view_user(folded(opened(), closed()), PUBLIC) == Presence(Status.OFFLINE, last_seen=Millis(T0 + 1_000))


def test_the_note_of_the_override_that_applies_is_shown() -> None:
    state = folded(
        opened(), override(Status.BUSY, Layer.APP, note="in a call"), override(Status.DND, Layer.USER, note="asleep")
    )

    assert view_user(state, PUBLIC).note == "asleep"


def test_a_session_in_its_grace_looks_as_before() -> None:
    before, after = folded(opened()), folded(opened(), lost())

    assert view_user(after, PUBLIC) == view_user(before, PUBLIC)


# --- invisible ------------------------------------------------------------------------------------------------


def test_invisible_is_byte_for_byte_offline_to_the_public() -> None:
    invisible = folded(opened(rooms=["r"]), override(Status.INVISIBLE, note="hiding"))
    offline = folded(opened(rooms=["r"]), closed())

    assert msgspec.json.encode(view_user(invisible, PUBLIC)) == msgspec.json.encode(view_user(offline, PUBLIC))
    assert view_in_room(invisible, R, PUBLIC) is None


def test_who_sees_through_invisible_sees_it_as_a_status() -> None:
    state = folded(opened(rooms=["r"]), override(Status.INVISIBLE))

    assert view_user(state, FULL).status is Status.INVISIBLE
    assert view_in_room(state, R, FULL) == view_user(state, FULL)


def test_offline_by_hand_is_offline_to_all() -> None:
    state = folded(opened(), override(Status.OFFLINE, Layer.ADMIN))

    assert view_user(state, FULL) == view_user(state, PUBLIC) == Presence(Status.OFFLINE, last_seen=Millis(T0 + 1_000))


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(folded(opened(), override(Status.INVISIBLE), cleared()), id="opened before"),
        pytest.param(folded(override(Status.INVISIBLE), opened(), cleared()), id="opened while invisible"),
    ],
)
def test_a_device_that_was_there_while_invisible_seems_to_come_with_its_user(state: UserPresence) -> None:
    """Its `since` told: a user shown as offline at noon had, at one, a device that had been there since eleven."""
    assert [device.since for device in view_user(state, PUBLIC).devices] == [T0 + 2_000]


def test_who_sees_through_invisible_sees_since_when_a_device_is_there() -> None:
    state = folded(opened(), override(Status.INVISIBLE), cleared())

    assert [device.since for device in view_user(state, FULL).devices] == [T0]


# --- rooms ----------------------------------------------------------------------------------------------------


def test_in_a_room_only_the_sessions_there_are_shown() -> None:
    state = folded(opened("s1", "c1", rooms=["r"]), opened("s2", "c2", rooms=["q"]))

    seen = view_in_room(state, R, PUBLIC)

    assert seen is not None
    assert [device.session for device in seen.devices] == ["s1"]
    assert view_in_room(state, RoomId("x"), PUBLIC) is None
    assert rooms_of(state) == {"r", "q"}


def test_a_user_out_of_a_room_is_not_shown_in_it_though_online() -> None:
    assert view_in_room(folded(opened(), joined("q")), R, PUBLIC) is None


# --- diffs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (None, None, None),
        (None, OFFLINE, None),
        (OFFLINE, Presence(Status.OFFLINE, last_seen=Millis(7)), None),
        (None, ONLINE, DiffKind.JOIN),
        (OFFLINE, ONLINE, DiffKind.JOIN),
        (ONLINE, ONLINE, None),
        (ONLINE, Presence(Status.AWAY, Millis(T0)), DiffKind.UPDATE),
        (ONLINE, OFFLINE, DiffKind.LEAVE),
        (ONLINE, None, DiffKind.LEAVE),
    ],
)
def test_a_diff_is_a_join_an_update_a_leave_or_nothing(
    before: Presence | None, after: Presence | None, kind: DiffKind | None
) -> None:
    assert diff(before, after) is kind


def test_last_active_does_not_fan_out() -> None:
    before = folded(opened())
    after = folded(opened(), activity(activity=Activity.ACTIVE), step_ms=600_000)

    assert after.last_active > before.last_active
    assert diff(view_user(before, PUBLIC), view_user(after, PUBLIC)) is None
