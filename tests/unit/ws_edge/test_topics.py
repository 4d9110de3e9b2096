"""Who watches what."""

from presence.domain.ids import RoomId, TenantId, UserId, UserKey
from presence.domain.views import OFFLINE, Audience
from tests.support.facts import ALICE
from ws_edge.interest import Subscriber
from ws_edge.topics import Topic, Topics

ACME, LOBBY = TenantId("acme"), RoomId("lobby")


def subscriber(audience: Audience = Audience.PUBLIC) -> Subscriber:
    made = Subscriber(None)
    made.tenant, made.audience = ACME, audience
    return made


def test_watchers_are_kept_by_audience() -> None:
    topics, public, full = Topics(), subscriber(), subscriber(Audience.FULL)
    topics.watch_user(public, ALICE)
    topics.watch_user(full, ALICE)
    topics.watch_user(full, ALICE)

    topic = topics.user(ALICE)

    assert topic is not None
    assert topic.by_audience == {Audience.PUBLIC: {public}, Audience.FULL: {full}}
    assert set(topic.watchers()) == {public, full}


def test_a_topic_lives_as_long_as_somebody_watches() -> None:
    topics, one, two = Topics(), subscriber(), subscriber()
    for who in (one, two):
        topics.watch_user(who, ALICE)
        topics.watch_room(who, LOBBY)

    topics.unwatch_user(one, ALICE)
    assert topics.unwatch_room(one, LOBBY) is None
    assert topics.user(ALICE) is not None
    topics.unwatch_user(two, ALICE)
    assert topics.unwatch_room(two, LOBBY) is not None

    assert topics.user(ALICE) is None
    assert topics.room(ACME, LOBBY) is None


def test_other_rooms_of_the_tenant_stay() -> None:
    topics, one = Topics(), subscriber()
    topics.watch_room(one, LOBBY)
    topics.watch_room(one, RoomId("hall"))
    topics.unwatch_room(one, LOBBY)

    assert topics.room(ACME, RoomId("hall")) is not None


def test_what_is_not_watched_cannot_be_unwatched() -> None:
    topics, one = Topics(), subscriber()
    topics.unwatch_user(one, ALICE)

    assert topics.unwatch_room(one, LOBBY) is None


def test_watching_a_room_twice_is_watching_it_once() -> None:
    topics, one = Topics(), subscriber()
    topics.watch_room(one, LOBBY).set_paced(paced=True)
    topics.watch_room(one, LOBBY)

    assert one.paced == 1


def test_watchers_know_how_many_of_their_rooms_are_paced() -> None:
    topics, early, late = Topics(), subscriber(), subscriber()
    topic = topics.watch_room(early, LOBBY)
    topic.set_paced(paced=True)
    topics.watch_room(late, LOBBY)
    assert (early.paced, late.paced) == (1, 1)

    topics.unwatch_room(late, LOBBY)
    topic.set_paced(paced=False)

    assert (early.paced, late.paced) == (0, 0)


def test_the_first_picture_before_an_interval_is_kept() -> None:
    topic = Topic()
    topic.set_paced(paced=True)
    topic.defer(Audience.PUBLIC, UserId("alice"), None)
    topic.defer(Audience.PUBLIC, UserId("alice"), OFFLINE)

    assert topic.take_pending() == [(Audience.PUBLIC, {"alice": None})]
    assert topic.take_pending() == []


def test_removing_who_was_never_there_leaves_the_others() -> None:
    topic, one = Topic(), subscriber()
    topic.add(one)

    assert not topic.remove(subscriber())
    assert not topic.remove(subscriber(Audience.FULL))
    assert topic.remove(one)


def test_users_are_found_by_their_key() -> None:
    topics = Topics()
    topics.watch_user(subscriber(), ALICE)

    assert topics.user(UserKey("globex/alice")) is None
