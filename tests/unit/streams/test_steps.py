"""A batch is folded in order, and what cannot be folded is set aside with its bytes."""

from typing import NamedTuple

from presence.domain.events import Event
from presence.domain.ids import Millis, NodeId, UserKey
from presence.domain.partition import PartitionFold
from presence.domain.state import NodeFence, UserPresence
from presence.ports import LogRecord
from presence.wire.events import HEADERS, encode_event
from streams.steps import fold_batch, log_record
from tests.support.scenes import closed, key, opened


class Raw(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 1_760_000_000_000
    headers: tuple[tuple[str, bytes], ...] = HEADERS


def raw(offset: int, name: str, event: Event) -> Raw:
    return Raw(offset, key(name).encode(), encode_event(event))


def new_fold() -> tuple[PartitionFold, dict[UserKey, UserPresence]]:
    users: dict[UserKey, UserPresence] = {}
    fences: dict[NodeId, NodeFence] = {}
    return PartitionFold(users, fences), users


def test_records_are_folded_in_order() -> None:
    fold, users = new_fold()

    folded = fold_batch(fold, 2, [raw(0, "ann", opened("ann")), raw(1, "ann", closed("ann"))])

    assert [change.after.offset for change in folded.changes if change.after] == [0, 1]
    assert users[key("ann")].sessions == {}
    assert folded.letters == []


def test_a_batch_that_comes_again_changes_nothing() -> None:
    fold, users = new_fold()
    batch = [raw(0, "ann", opened("ann")), raw(1, "bob", opened("bob"))]
    fold_batch(fold, 0, batch)
    before = dict(users)

    folded = fold_batch(fold, 0, batch)

    assert folded.changes == []
    assert users == before


def test_poison_is_set_aside_raw_and_the_next_record_folded() -> None:
    fold, users = new_fold()
    poison = Raw(1, b"acme/x", b"{", headers=(("schema", b"1"), ("trace", b"\x00")))

    folded = fold_batch(fold, 2, [raw(0, "ann", opened("ann")), poison, raw(2, "bob", opened("bob"))])

    assert set(users) == {key("ann"), key("bob")}
    (letter,) = folded.letters
    assert letter.record == LogRecord(2, 1, Millis(1_760_000_000_000), b"acme/x", b"{", poison.headers)
    assert (letter.stage, letter.reason) == ("table", "decode")


def test_a_key_that_does_not_fit_is_set_aside() -> None:
    fold, _ = new_fold()

    folded = fold_batch(fold, 0, [Raw(0, None, encode_event(opened("ann")))])

    assert [letter.reason for letter in folded.letters] == ["key"]


def test_a_fault_of_the_fold_is_set_aside_with_its_record_and_the_partition_goes_on() -> None:
    class Faulty(PartitionFold):
        def apply(self, key: UserKey, *args: object) -> list:  # type: ignore[type-arg, override]
            if key == "acme/ann":
                raise ZeroDivisionError("a fault")
            return super().apply(key, *args)  # type: ignore[arg-type]

    users: dict[UserKey, UserPresence] = {}
    folded = fold_batch(Faulty(users, {}), 0, [raw(0, "ann", opened("ann")), raw(1, "bob", opened("bob"))])

    assert set(users) == {key("bob")}
    assert [(letter.reason, letter.detail) for letter in folded.letters] == [("fold", "ZeroDivisionError: a fault")]


def test_a_record_keeps_its_bytes() -> None:
    assert log_record(3, Raw(9, None, None, 5, ())) == LogRecord(3, 9, Millis(5), None, None, ())
