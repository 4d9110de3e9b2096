"""The reference of the metrics lists what the code publishes, no more and no less."""

from tests.support.metric_names import declared, names_in_query
from tests.support.pages import ROOT, tables

PAGE = ROOT / "docs/reference/metrics.md"
ROWS = {row[0].strip("`"): row for row in tables(PAGE) if row[0].startswith("`presence_")}


def test_every_metric_of_the_code_is_in_the_reference_and_the_other_way_round() -> None:
    published = {metric.documented for metric in declared()}

    assert ROWS.keys() == published


def test_kinds_and_labels_are_told_as_they_are() -> None:
    told = {name: (row[1], row[2].replace("`", "").split()) for name, row in ROWS.items()}

    assert told == {metric.documented: (metric.kind.lower(), list(metric.labels)) for metric in declared()}


def test_no_two_declarations_share_a_name() -> None:
    names = [metric.name for metric in declared()]

    assert len(names) == len(set(names))


def test_names_are_found_in_queries() -> None:
    query = 'histogram_quantile(0.99, sum by (le, tier) (rate(a_bucket{x="y"}[5m]))) > 0.5 and on (instance) up == 1'

    assert names_in_query(query) == {"a_bucket", "up"}
