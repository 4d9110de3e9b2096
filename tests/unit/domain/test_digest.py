"""One hash of a set of rows."""

from presence.domain.digest import Digest, digest


def test_no_rows_give_zero() -> None:
    assert digest([]) == "0" * 64


def test_the_order_of_rows_does_not_matter() -> None:
    assert digest([("a", b"1"), ("b", b"2")]) == digest([("b", b"2"), ("a", b"1")])


def test_keys_and_rows_do_not_run_into_each_other() -> None:
    assert digest([("a", b"bc")]) != digest([("ab", b"c")])


def test_taking_a_row_out_undoes_putting_it_in() -> None:
    running = Digest()
    running.add("a", b"1")
    running.add("b", b"2")
    running.remove("a", b"1")

    assert running.hex() == digest([("b", b"2")])


def test_the_same_row_twice_is_not_nothing() -> None:
    assert digest([("a", b"1"), ("a", b"1")]) not in {digest([]), digest([("a", b"1")])}


def test_the_digest_of_given_rows_is_pinned() -> None:
    """A digest is compared between releases and languages: its making must not change."""
    expected = "10f670f85df9c551d93004484f6998dbbacf93cebc146c2730d4a5719292e09f"

    assert digest([("acme/alice", b"{}")]) == expected
