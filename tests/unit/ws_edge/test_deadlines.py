"""The wheel of deadlines."""

from ws_edge.deadlines import SLOT_MS, Deadlines


class Item:
    """Something that is due."""

    slot = 0


def test_an_item_comes_up_not_before_its_time_and_at_most_a_slot_late() -> None:
    wheel: Deadlines[Item] = Deadlines(0)
    item = Item()
    wheel.schedule(item, 1_000)

    assert wheel.due(1_000 - 1) == []
    assert wheel.due(1_000 + SLOT_MS) == [item]
    assert wheel.due(100_000) == []


def test_an_earlier_deadline_replaces_a_later_one() -> None:
    wheel: Deadlines[Item] = Deadlines(0)
    item = Item()
    wheel.schedule(item, 5_000)
    wheel.schedule(item, 1_000)

    assert wheel.due(1_000 + SLOT_MS) == [item]
    assert wheel.due(10_000) == []


def test_a_later_deadline_leaves_an_earlier_one_where_it_is() -> None:
    wheel: Deadlines[Item] = Deadlines(0)
    item = Item()
    wheel.schedule(item, 1_000)
    wheel.schedule(item, 5_000)

    assert wheel.due(1_000 + SLOT_MS) == [item]


def test_what_is_overdue_comes_up_at_the_next_sweep() -> None:
    wheel: Deadlines[Item] = Deadlines(10_000)
    item = Item()
    wheel.schedule(item, 0)

    assert wheel.due(10_000) == []
    assert wheel.due(10_000 + SLOT_MS) == [item]


def test_a_forgotten_item_does_not_come_up() -> None:
    wheel: Deadlines[Item] = Deadlines(0)
    item = Item()
    wheel.schedule(item, 1_000)
    wheel.forget(item)
    wheel.forget(item)

    assert wheel.due(10_000) == []


def test_after_a_long_sleep_everything_comes_up_in_order() -> None:
    wheel: Deadlines[Item] = Deadlines(0)
    items = [Item() for _ in range(3)]
    for number, item in reversed(list(enumerate(items))):
        wheel.schedule(item, 1_000 * (number + 1))

    assert wheel.due(10**9) == items
