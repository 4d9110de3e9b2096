"""What Kafka is told."""

import base64
from pathlib import Path

from control.devstack.jars import JarCache
from control.devstack.kafka import KafkaPorts, KafkaRecipe, aot_cache_file, new_cluster_id, render_properties
from control.devstack.progress import NoProgress


def properties() -> dict[str, str]:
    lines = render_properties(KafkaPorts(15_001, 15_002), "data").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_it_listens_on_this_machine_only() -> None:
    assert properties()["listeners"] == "PLAINTEXT://127.0.0.1:15001,CONTROLLER://127.0.0.1:15002"
    assert properties()["advertised.listeners"] == "PLAINTEXT://127.0.0.1:15001"
    assert properties()["controller.quorum.voters"] == "1@127.0.0.1:15002"


def test_nothing_expires_and_no_topic_appears_by_itself() -> None:
    assert properties()["log.retention.ms"] == "-1"
    assert properties()["auto.create.topics.enable"] == "false"


def test_consumers_join_at_once_and_may_be_found_dead_soon() -> None:
    assert properties()["group.initial.rebalance.delay.ms"] == "0"
    assert properties()["group.min.session.timeout.ms"] == "1000"


def test_its_command_line_names_its_folder_and_is_marked_by_it(tmp_path: Path) -> None:
    recipe = KafkaRecipe(tmp_path / "kafka", JarCache(tmp_path), KafkaPorts(15_001, 15_002), NoProgress())

    command = recipe.command()

    assert command.marker in command.argv
    assert str(tmp_path / "kafka") in command.marker


def test_the_start_cache_is_used_once_it_exists(tmp_path: Path) -> None:
    jars = JarCache(tmp_path)
    recipe = KafkaRecipe(tmp_path / "kafka", jars, KafkaPorts(15_001, 15_002), NoProgress())
    assert not any(option.startswith("-XX:AOTCache") for option in recipe.command().argv)

    cache = aot_cache_file(jars, recipe.java_home)
    cache.parent.mkdir(parents=True)
    cache.touch()

    assert f"-XX:AOTCache={cache}" in recipe.command().argv


def test_another_jvm_has_another_start_cache(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "release").write_text(f'JAVA_VERSION="{name}"')

    jars = JarCache(tmp_path)

    assert aot_cache_file(jars, tmp_path / "one") != aot_cache_file(jars, tmp_path / "two")
    assert aot_cache_file(jars, tmp_path / "one") == aot_cache_file(jars, tmp_path / "one")


def test_no_cluster_id_looks_like_an_option() -> None:
    """One first start in 64 failed: the id began with a dash, and the format tool asked for the missing id."""
    ids = {new_cluster_id() for _ in range(500)}

    assert len(ids) == 500
    assert all(len(base64.urlsafe_b64decode(f"{text}==")) == 16 and not text.startswith("-") for text in ids)
