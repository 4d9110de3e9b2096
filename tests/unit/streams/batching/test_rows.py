"""Rows note what was written since it was last taken, and nothing that came from the changelog."""

from streams.batching.rows import PartitionState, Rows


def test_writes_and_deletes_are_noted_last_one_wins() -> None:
    rows: Rows[int] = Rows()
    rows["a"] = 1
    rows["b"] = 2
    rows["a"] = 3
    del rows["b"]

    assert rows.dirty == {"a": 3, "b": None}
    assert dict(rows) == {"a": 3}


def test_what_comes_from_the_changelog_is_not_noted() -> None:
    rows: Rows[int] = Rows()
    rows.load("a", 1)
    rows.load("b", 2)
    rows.unload("b")
    rows.unload("c")

    assert dict(rows) == {"a": 1}
    assert rows.dirty == {}


def test_a_partition_is_settled_when_nothing_is_owed() -> None:
    state = PartitionState(0)
    fresh = state.is_settled
    state.rows.put_last("~", 1)

    assert fresh
    assert not state.is_settled
