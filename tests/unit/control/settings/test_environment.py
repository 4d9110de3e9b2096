"""Tests of `control.settings.environment`."""

from pathlib import Path

import pytest

from control.settings.environment import environment_of
from control.settings.load import load_settings


def test_settings_survive_the_way_through_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.toml"
    file.write_text(
        'grace_ms = 5\n[token]\nsecret = "a secret of more than thirty-two bytes"\n[edge]\nreuse_port = false\n'
    )
    before = load_settings({"edge.origins": "https://a.example,https://b.example"}, file)

    for name, value in environment_of(before).items():
        monkeypatch.setenv(name, value)

    assert load_settings().settings == before.settings


def test_what_is_at_its_default_is_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert environment_of(load_settings({"edge.port": 9})) == {"PRESENCE_EDGE_PORT": "9"}
