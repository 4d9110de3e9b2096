"""The index of deadlines gives what is due, earliest first, and forgets what was replaced."""

from hypothesis import given
from hypothesis import strategies as st

from presence.domain.ids import Millis, UserKey
from streams.deadlines import DeadlineIndex

ANN, BOB = UserKey("acme/ann"), UserKey("acme/bob")


def test_what_is_due_comes_once_and_earliest_first() -> None:
    index = DeadlineIndex()
    index.put(ANN, Millis(20))
    index.put(BOB, Millis(10))

    assert index.due(Millis(9), 10) == []
    assert index.due(Millis(20), 10) == [BOB, ANN]
    assert index.due(Millis(20), 10) == []


def test_a_replaced_deadline_does_not_come() -> None:
    index = DeadlineIndex()
    index.put(ANN, Millis(10))
    index.put(ANN, Millis(30))

    assert index.due(Millis(20), 10) == []
    assert index.due(Millis(30), 10) == [ANN]


def test_a_deadline_taken_away_does_not_come() -> None:
    index = DeadlineIndex()
    index.put(ANN, Millis(10))
    index.put(ANN, None)

    assert index.due(Millis(10), 10) == []
    assert len(index) == 0


def test_no_more_than_the_limit_comes_at_once() -> None:
    index = DeadlineIndex()
    for number in range(5):
        index.put(UserKey(f"acme/{number}"), Millis(number))

    assert len(index.due(Millis(9), 3)) == 3
    assert len(index.due(Millis(9), 3)) == 2


def test_its_size_is_bounded_by_the_users_however_often_they_change() -> None:
    index = DeadlineIndex()
    for number in range(50_000):
        index.put(UserKey(f"acme/{number % 100}"), Millis(number))

    assert len(index) == 100
    assert index.entries <= 2 * 100 + 1_001
    assert len(index.due(Millis(50_000), 1_000)) == 100


@given(st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 30)))), st.integers(0, 30))
def test_it_agrees_with_a_plain_dict(puts: list[tuple[int, int | None]], now: int) -> None:
    index, model = DeadlineIndex(), dict[str, int]()
    for user, deadline in puts:
        index.put(UserKey(str(user)), None if deadline is None else Millis(deadline))
        if deadline is None:
            model.pop(str(user), None)
        else:
            model[str(user)] = deadline

    due = index.due(Millis(now), 100)

    assert set(due) == {user for user, deadline in model.items() if deadline <= now}
    assert [model[user] for user in due] == sorted(model[user] for user in due)
