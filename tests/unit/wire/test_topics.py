"""Topics: their names are API, and how each is kept decides what survives."""

from presence.wire.topics import TopicNames, topic_specs


def test_topic_names_never_change() -> None:
    assert [spec.name for spec in topic_specs()] == [
        "presence-events",
        "presence-nodes",
        "presence-users-changelog",
        "presence-signals",
        "presence-alerts",
        "presence-dead-letters",
    ]


def test_a_prefix_goes_before_every_name() -> None:
    names = TopicNames.with_prefix("test1-")

    assert [spec.name for spec in topic_specs(names=names)] == [f"test1-{spec.name}" for spec in topic_specs()]


def test_the_truth_is_kept_for_ever_unless_told_otherwise() -> None:
    assert topic_specs()[0].config["retention.ms"] == "-1"
    assert topic_specs(events_retention_ms=7)[0].config["retention.ms"] == "7"


def test_what_must_be_keyed_alike_has_as_many_partitions() -> None:
    partitions = {spec.name: spec.partitions for spec in topic_specs()}

    assert partitions["presence-events"] is partitions["presence-users-changelog"] is None
    assert partitions["presence-nodes"] == 1


def test_every_topic_says_how_it_is_cleaned_up() -> None:
    policies = {spec.name: spec.config["cleanup.policy"] for spec in topic_specs()}

    assert policies == {
        "presence-events": "delete",
        "presence-nodes": "compact,delete",
        "presence-users-changelog": "compact",
        "presence-signals": "delete",
        "presence-alerts": "delete",
        "presence-dead-letters": "delete",
    }


def test_leases_are_judged_by_the_brokers_clock_on_records_that_are_all_there() -> None:
    nodes = topic_specs()[1].config

    assert nodes["message.timestamp.type"] == "LogAppendTime"
    # Longer than any takeover: compaction must not take the ticks that a new detector judges by.
    assert int(nodes["min.compaction.lag.ms"]) >= 600_000
