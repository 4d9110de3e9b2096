"""Tests of `control.cli.watch`: what is written for programs and for people."""

import msgspec

from control.cli.watch import describe_link, line_of
from control.client.client import LinkChanged, LinkState
from control.client.store import Seen
from presence.domain.status import Status
from presence.domain.views import DiffKind, Presence
from presence.wire.frames import Feed, Position, Snapshot

ONLINE = Presence(Status.ONLINE, 5)


def written(news: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(line_of(news)))  # type: ignore[arg-type]


def test_each_kind_of_news_is_one_object() -> None:
    shown = {"status": "online", "since": 5}

    assert written(Snapshot({"ada": ONLINE}, {"lobby": {}}, Position("f", {}), stale=False)) == {
        "t": "snapshot", "users": {"ada": shown}, "rooms": {"lobby": {}}, "stale": False,
    }  # fmt: skip
    assert written(Seen(DiffKind.JOIN, "ada", ONLINE)) == {"t": "join", "user": "ada", "presence": shown}
    assert written(Seen(DiffKind.LEAVE, "ada", ONLINE, "lobby")) == {
        "t": "leave", "user": "ada", "room": "lobby", "presence": shown,
    }  # fmt: skip
    assert written(Feed(stale=True)) == {"t": "feed", "stale": True}
    assert written(LinkChanged(LinkState.CONNECTED)) == {"t": "link", "state": "connected"}
    assert written(LinkChanged(LinkState.LOST, 1012, "restart", 20)) == {
        "t": "link", "state": "lost", "code": 1012, "reason": "restart",
    }  # fmt: skip


def test_the_link_is_described_for_people() -> None:
    assert describe_link(LinkChanged(LinkState.CONNECTED), "ws://e") == "ws://e  connected"
    assert "1012 restart" in describe_link(LinkChanged(LinkState.LOST, 1012, "restart", 20), "ws://e")
