"""Tests of `control.settings.load`."""

from pathlib import Path

import pytest

from control.settings.load import Origin, SettingsInvalid, load_settings

SECRET = "a secret of more than thirty-two bytes"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings but the test's."""
    monkeypatch.chdir(tmp_path)


def test_nothing_set_gives_the_defaults() -> None:
    loaded = load_settings()

    assert loaded.settings.edge.port == 8400
    assert set(loaded.origins.values()) == {Origin.DEFAULT}
    assert loaded.file is None


def test_the_environment_sets_values_of_sections_and_of_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESENCE_EDGE_PONG_WAIT_MS", "7000")
    monkeypatch.setenv("PRESENCE_KAFKA", "broker:9092")

    loaded = load_settings()

    assert loaded.settings.edge.pong_wait_ms == 7000
    assert loaded.settings.kafka == "broker:9092"
    assert loaded.origins["edge.pong_wait_ms"] is Origin.ENVIRONMENT


def test_an_empty_value_in_the_environment_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESENCE_KAFKA", "")

    assert load_settings().settings.kafka is None


def test_a_file_in_the_working_directory_is_read_by_itself(tmp_path: Path) -> None:
    (tmp_path / "presence.toml").write_text("grace_ms = 9000\n[edge]\nport = 9100\n")

    loaded = load_settings()

    assert (loaded.settings.grace_ms, loaded.settings.edge.port) == (9000, 9100)
    assert loaded.origins["edge.port"] is Origin.FILE


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[edge]\nport = 1001\ntelemetry_port = 1002\n[streams]\ntelemetry_port = 1003\n")
    monkeypatch.setenv("PRESENCE_EDGE_PORT", "2001")
    monkeypatch.setenv("PRESENCE_EDGE_TELEMETRY_PORT", "2002")

    settings = load_settings({"edge.port": 3001, "kafka": None}, file).settings

    assert settings.edge.port == 3001
    assert settings.edge.telemetry_port == 2002
    assert settings.streams.telemetry_port == 1003


def test_the_environment_may_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "named.toml"
    file.write_text("grace_ms = 1\n")
    monkeypatch.setenv("PRESENCE_CONFIG", str(file))

    assert load_settings().file == file


def test_a_named_file_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="does not exist"):
        load_settings(config=tmp_path / "nowhere.toml")


def test_a_file_that_is_no_toml_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "presence.toml").write_text("port = = 3")

    with pytest.raises(SettingsInvalid, match=r"presence\.toml cannot be read"):
        load_settings()


def test_an_unknown_name_in_the_environment_is_an_error_with_a_suggestion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESENCE_EDGE_PROT", "9000")

    with pytest.raises(SettingsInvalid, match="Did you mean PRESENCE_EDGE_PORT"):
        load_settings()


def test_an_unknown_name_that_resembles_none_is_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESENCE_XYZZY", "1")

    with pytest.raises(SettingsInvalid, match="Remove it"):
        load_settings()


@pytest.mark.parametrize("text", ["[edge]\nprot = 1\n", "grace = 1\n", "[edgy]\nport = 1\n"])
def test_an_unknown_name_in_the_file_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "presence.toml").write_text(text)

    with pytest.raises(SettingsInvalid, match="which is no setting"):
        load_settings()


def test_every_wrong_value_is_named_with_where_it_came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "presence.toml").write_text("grace_ms = -1\n")
    monkeypatch.setenv("PRESENCE_EDGE_PORT", "many")

    with pytest.raises(SettingsInvalid) as caught:
        load_settings({"partitions": 0})

    assert "PRESENCE_EDGE_PORT = 'many'" in str(caught.value)
    assert "presence.toml: grace_ms = -1" in str(caught.value)
    assert "command line: partitions = 0" in str(caught.value)


def test_a_section_that_is_no_table_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "presence.toml").write_text("edge = 3\n")

    with pytest.raises(SettingsInvalid):
        load_settings()


def test_a_secret_never_shows_in_an_error(tmp_path: Path) -> None:
    (tmp_path / "presence.toml").write_text('[token]\nsecret = ["hush, hush"]\n')

    with pytest.raises(SettingsInvalid) as caught:
        load_settings()

    assert "hush" not in str(caught.value)


def test_a_secret_never_shows_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESENCE_TOKEN_SECRET", SECRET)

    settings = load_settings().settings

    assert SECRET not in repr(settings)
    assert SECRET not in settings.model_dump_json()


def test_settings_that_contradict_each_other_are_refused_with_both_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESENCE_LEASE_MS", "4000")

    with pytest.raises(SettingsInvalid, match=r"PRESENCE_LEASE_MS.*PRESENCE_HEARTBEAT_MS"):
        load_settings()
