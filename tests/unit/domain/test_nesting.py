"""How deep data is nested."""

from typing import Any

import pytest

from presence.domain.nesting import is_deeper


@pytest.mark.parametrize(
    ("value", "depth"), [(1, 0), ("[[[", 0), ({}, 1), ([], 1), ({"a": []}, 2), ([1, {"a": [[]]}, []], 4)]
)
def test_depth_counts_lists_and_objects(value: object, depth: int) -> None:
    assert not is_deeper(value, depth)
    assert depth == 0 or is_deeper(value, depth - 1)


def test_no_depth_exhausts_the_stack() -> None:
    deep: list[Any] = []
    for _ in range(50_000):
        deep = [deep]

    assert is_deeper(deep, 16)
    while deep:  # taken apart by hand: freeing it at once would recurse
        deep = deep.pop()
