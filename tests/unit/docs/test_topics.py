"""The reference of the topics says what the code does."""

import msgspec
import pytest

from presence.domain.events import Event
from presence.domain.leases import NodeRecord
from presence.wire.topics import TopicSpec, topic_specs
from tests.support.pages import ROOT, tables

PAGE = ROOT / "docs/reference/topics.md"


_RECORDS = msgspec.inspect.type_info(Event | NodeRecord)
assert isinstance(_RECORDS, msgspec.inspect.UnionType)


def _row(first_cell: str) -> list[str]:
    return next(row for row in tables(PAGE) if row[0] == f"`{first_cell}`")


@pytest.mark.parametrize("spec", topic_specs(), ids=lambda spec: spec.name)
def test_every_topic_is_in_the_table_with_its_partitions_and_cleanup(spec: TopicSpec) -> None:
    _, _, partitions, cleanup, _ = _row(spec.name)

    assert partitions.startswith("1" if spec.partitions == 1 else ("fixed", "as events"))
    assert cleanup.startswith(spec.config["cleanup.policy"])


@pytest.mark.parametrize("tagged", _RECORDS.types, ids=lambda tagged: tagged.tag)
def test_every_record_is_listed_with_every_field(tagged: msgspec.inspect.StructType) -> None:
    fields = _row(str(tagged.tag))[1].replace("`", "").split()

    expected = [field.encode_name for field in tagged.fields]
    assert ["id", *fields] == expected if "id" in expected else fields == expected
