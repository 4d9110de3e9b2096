"""Tests of `control.cli.render`."""

import pytest
from rich.console import Console

from control.cli.render import Row, age, picture, rows
from control.client.store import LocalStore
from presence.domain.status import Activity, Status
from presence.domain.views import Device, Presence
from presence.wire.frames import Position, Snapshot

NOW = 1_000_000_000


def phone(activity: Activity = Activity.ACTIVE) -> Device:
    return Device("s", "phone", activity, NOW)  # type: ignore[arg-type]


def test_who_is_there_comes_first_by_name() -> None:
    group = {
        "zoe": Presence(Status.ONLINE, NOW - 5_000, devices=(phone(),)),
        "bob": Presence(Status.OFFLINE, last_seen=NOW - 3_600_000),
        "ada": Presence(Status.ONLINE, NOW - 65_000, "hi", (phone(), phone(Activity.IDLE))),
    }

    assert rows(group, NOW) == [
        Row("ada", Status.ONLINE, "phone, phone (idle)", "1 min 05 s", "", "hi"),
        Row("zoe", Status.ONLINE, "phone", "5 s", "", ""),
        Row("bob", Status.OFFLINE, "", "", "1 h 0 min ago", ""),
    ]


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-5, "0 s"),
        (999, "0 s"),
        (59_999, "59 s"),
        (60_000, "1 min 00 s"),
        (3_600_000, "1 h 0 min"),
        (90_000_000, "1 d 1 h"),
    ],
)
def test_an_age_is_told_in_two_units(ms: int, text: str) -> None:
    assert age(ms) == text


def shown(store: LocalStore, height: int = 40) -> str:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    with console.file:
        console.print(picture(store, "ws://edge  connected", NOW, height))
        return console.export_text()


def filled(users: dict[str, Presence], rooms: dict[str, dict[str, Presence]], stale: bool = False) -> LocalStore:
    store = LocalStore()
    store.take_snapshot(Snapshot(users, rooms, Position("f", {}), stale))
    return store


def test_the_picture_has_roster_and_rooms_under_the_state_of_the_link() -> None:
    text = shown(filled({"ada": Presence(Status.DND, NOW)}, {"lobby": {"grace": Presence(Status.AWAY, NOW)}}))

    assert "connected" in text
    assert "roster (1)" in text
    assert "room lobby (1)" in text
    assert "● dnd" in text
    assert "● away" in text


def test_a_stale_picture_says_so() -> None:
    assert "stale" in shown(filled({}, {}, stale=True))


def test_what_does_not_fit_is_counted() -> None:
    crowd = {f"user-{number:03}": Presence(Status.ONLINE, NOW) for number in range(50)}

    text = shown(filled({}, {"lobby": crowd}), height=15)

    assert "room lobby (50)" in text
    assert "… 41 more" in text


def test_names_and_notes_are_shown_as_they_are() -> None:
    text = shown(filled({"[red]x[/red]": Presence(Status.ONLINE, NOW, "[bold]")}, {}))

    assert "[red]x[/red]" in text
    assert "[bold]" in text
