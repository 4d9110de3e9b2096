"""A log that was recorded once folds to the same rows and the same digests for ever, and a second opinion agrees."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from presence.domain.digest import Digest, digest
from presence.domain.events import Event, Stamp
from presence.domain.ids import Millis, NodeId, UserKey
from presence.domain.partition import PartitionFold
from presence.domain.state import NodeFence, UserPresence
from presence.wire.events import HEADERS, decode_event, decode_key
from presence.wire.rows import Row, canonical_row, decode_row, fence_key
from tests.support.naive import NaivePresence, outline, outline_row

HERE = Path(__file__).parent / "log/v1"
PARTITION = 0
# Stands here too, so that nobody changes it without meaning to.
LAST_DIGEST = "1e2b5160ca240b3c485e2ce421fd70dcb0d3cbb568890396912eaf31ad23d195"

Record = tuple[UserKey, Event, Stamp]
Rows = dict[UserKey, UserPresence]
Fences = dict[NodeId, NodeFence]


def lines(name: str) -> list[dict[str, Any]]:
    """The objects of one file."""
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


def read(line: dict[str, Any]) -> Record:
    """A record as the workers read it."""
    event = decode_event(line["value"].encode(), HEADERS)
    return decode_key(line["key"].encode(), event), event, Stamp(line["offset"], Millis(line["at"]))


LOG = [read(line) for line in lines("log.jsonl")]


def table(rows: Rows, fences: Fences) -> dict[str, bytes]:
    """Rows and fences as the table holds them, in canonical bytes."""
    both: dict[UserKey, Row] = {**rows, **{fence_key(PARTITION, node): fence for node, fence in fences.items()}}
    return {key: canonical_row(row) for key, row in both.items()}


def fold(log: list[Record]) -> dict[str, bytes]:
    """The table after a log."""
    rows: Rows = {}
    fences: Fences = {}
    partition = PartitionFold(rows, fences)
    for record in log:
        partition.apply(*record)
    return table(rows, fences)


def test_it_holds_every_event_type() -> None:
    assert {type(event) for _, event, _ in LOG} == set(get_args(Event))
    assert len(LOG) == 200


def test_it_folds_to_the_recorded_rows() -> None:
    assert fold(LOG) == {line["key"]: line["row"].encode() for line in lines("rows.jsonl")}


def test_the_recorded_rows_are_read_as_they_are_written() -> None:
    for line in lines("rows.jsonl"):
        assert canonical_row(decode_row(line["key"], line["row"].encode())) == line["row"].encode()


@pytest.mark.parametrize("line", lines("digests.jsonl"), ids=lambda line: str(line["offset"]))
def test_it_passes_through_the_recorded_digests(line: dict[str, Any]) -> None:
    rows = fold([record for record in LOG if record[2].offset <= line["offset"]])

    assert digest(rows.items()) == line["digest"]


def test_the_last_digest_is_the_one_that_stands_here() -> None:
    running = Digest()
    for key, row in fold(LOG).items():
        running.add(key, row)

    assert running.hex() == lines("digests.jsonl")[-1]["digest"] == LAST_DIGEST


def test_a_second_opinion_agrees_at_every_record() -> None:
    naive = NaivePresence()
    rows: Rows = {}
    partition = PartitionFold(rows, {})

    for key, event, stamp in LOG:
        partition.apply(key, event, stamp)
        naive.hear(key, event, stamp.offset, stamp.at)

        assert {k: outline_row(row) for k, row in rows.items()} == {k: outline(u) for k, u in naive.users.items()}


@pytest.mark.parametrize("committed", range(0, 200, 13))
def test_whatever_was_committed_folding_the_rest_again_gives_the_same(committed: int) -> None:
    """At least once: the rows survive a crash, the commit is older than they are."""
    rows: Rows = {}
    fences: Fences = {}
    partition = PartitionFold(rows, fences)
    for record in LOG:
        partition.apply(*record)
    before = table(rows, fences)

    recovered = PartitionFold(rows, fences)
    recovered.index(rows.items())
    for record in LOG[committed:]:
        recovered.apply(*record)

    assert table(rows, fences) == before
