"""The digest of a set of rows: the same for the same rows, however one came to them."""

from hypothesis import example, given
from hypothesis import strategies as st

from presence.domain.digest import Digest, digest
from tests.support import strategies as some

rows = st.dictionaries(some.names, st.binary(max_size=6), max_size=6)
# Rows that could be taken for each other if key and row were just strung together.
alike = st.dictionaries(st.text("ab", min_size=1, max_size=2), st.sampled_from([b"", b"a", b"b", b"ab"]), max_size=2)
edits = st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.binary(max_size=2)), max_size=20)


@given(rows, st.data())
def test_the_order_of_rows_does_not_matter(held: dict[str, bytes], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(list(held.items())))

    assert digest(shuffled) == digest(held.items())


@given(edits)
def test_kept_row_by_row_it_is_what_all_rows_at_once_give(writes: list[tuple[str, bytes | None]]) -> None:
    held: dict[str, bytes] = {}
    running = Digest()

    for key, row in writes:
        if key in held:
            running.remove(key, held.pop(key))
        if row is not None:
            running.add(key, row)
            held[key] = row

    assert running.hex() == digest(held.items())


@given(alike, alike)
@example({"a": b"bc"}, {"ab": b"c"})
def test_other_rows_give_another_digest(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert (digest(one.items()) == digest(other.items())) == (one == other)


@given(rows, rows)
def test_partitions_digested_apart_add_up(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    other = {key: row for key, row in other.items() if key not in one}

    whole = (int(digest(one.items()), 16) + int(digest(other.items()), 16)) % (1 << 256)

    assert digest((one | other).items()) == f"{whole:064x}"
