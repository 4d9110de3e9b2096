"""Tests of `control.settings.table`."""

from pathlib import Path

import pytest

from control.settings.fields import leaves
from control.settings.load import load_settings
from control.settings.table import effective, reference

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "settings.md"
SECRET = "a secret of more than thirty-two bytes"


def test_the_page_is_what_the_settings_say() -> None:
    """Mend by `make docs`."""
    assert PAGE.read_text() == reference()


def test_the_page_has_every_setting() -> None:
    text = reference()

    assert all(f"| `{leaf.env}` | `{leaf.name}` |" in text for leaf in leaves())


def test_what_is_in_effect_is_told_with_its_origin_and_secrets_are_masked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRESENCE_TOKEN_SECRET", SECRET)

    rows = {name: (value, origin) for name, value, origin in effective(load_settings())}

    assert rows["token.secret"] == ("********", "environment")
    assert rows["edge.port"] == ("8400", "default")
    assert rows["kafka"] == ("-", "default")
