"""Progress as lines."""

import pytest

from control.devstack.progress import LineProgress


def test_a_step_is_a_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    LineProgress().step("kafka", "starting")

    assert capsys.readouterr() == ("", "kafka: starting\n")


def test_a_download_says_a_line_per_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    progress = LineProgress()

    for done in range(0, 50_000_001, 100_000):
        progress.download("jars", done, 50_000_000)

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[-1] == "jars: 50 of 50 MB"
