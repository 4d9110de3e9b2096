"""A watcher's picture as a table for people: pure functions from what is known to what is shown."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from control.client.store import LocalStore
from presence.domain.status import Activity, Status
from presence.domain.views import Device, Presence

_COLOURS: dict[Status, str] = {
    Status.ONLINE: "green",
    Status.AWAY: "yellow",
    Status.BUSY: "dark_orange",
    Status.DND: "red",
    Status.INVISIBLE: "bright_black",
    Status.OFFLINE: "bright_black",
}
_ORDER = {status: rank for rank, status in enumerate(Status)}


class Row(NamedTuple):
    """One user in one group (a room, or the roster)."""

    user: str
    status: Status
    devices: str
    since: str
    last_seen: str
    note: str


def rows(group: Mapping[str, Presence], now: int) -> list[Row]:
    """The rows of a group: who is there first, by name within each status."""
    ordered = sorted(group.items(), key=lambda item: (_ORDER[item[1].status], item[0]))
    return [
        Row(
            user,
            presence.status,
            ", ".join(_device(device) for device in presence.devices),
            "" if presence.since is None else age(now - presence.since),
            "" if presence.last_seen is None else f"{age(now - presence.last_seen)} ago",
            presence.note,
        )
        for user, presence in ordered
    ]


def age(ms: int) -> str:
    """A length of time in its greatest unit and the one below: ``3 min 20 s``."""
    total = max(0, ms) // 1000
    days, rest = divmod(total, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {seconds:02} s"
    return f"{seconds} s"


def picture(store: LocalStore, link: str, now: int, height: int) -> RenderableType:
    """All that is watched, cut to ``height`` lines, under one line that tells how the link stands."""
    head = Text(link, style="dim" if not store.stale else "bold yellow")
    if store.stale:
        head.append("  stale: the edge lags behind the log", style="yellow")
    tables: list[RenderableType] = [head]
    groups = list(_groups(store))
    empty = [title for title, group in groups if not group]
    filled = [(title, group) for title, group in groups if group]
    # Title, heading and a gap for each group; one line for all that are empty.
    share = max(3, (height - 3) // max(1, len(filled)) - 3)
    tables += [_table(title, rows(group, now), share) for title, group in filled]
    if empty:
        tables.append(Text(f"nobody in {', '.join(empty)}", style="dim"))
    return Group(*tables)


def _groups(store: LocalStore) -> Iterator[tuple[str, Mapping[str, Presence]]]:
    if store.users:
        yield "roster", store.users
    for room, occupants in sorted(store.rooms.items()):
        yield f"room {room}", occupants


def _table(title: str, members: list[Row], limit: int) -> Table:
    present = sum(row.status is not Status.OFFLINE for row in members)
    table = Table(title=f"{title} ({present})", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for heading in ("user", "status", "devices", "since", "last seen", "note"):
        table.add_column(heading, header_style="dim", no_wrap=True, overflow="ellipsis")
    for row in members[:limit]:
        colour = _COLOURS[row.status]
        # Text, not markup: names and notes are other people's words.
        cells = (Text(row.user), Text.assemble(("● ", colour), row.status.value), Text(row.devices))
        table.add_row(*cells, row.since, row.last_seen, Text(row.note))
    if len(members) > limit:
        table.add_row(Text(f"… {len(members) - limit} more", style="dim"))
    return table


def _device(device: Device) -> str:
    return device.device if device.activity is Activity.ACTIVE else f"{device.device} ({device.activity.value})"
