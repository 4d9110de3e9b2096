"""Tests of `control.cli.screen`."""

from io import StringIO

from rich.console import Console

from control.cli.screen import Screen


def plain() -> tuple[Screen, StringIO]:
    file = StringIO()
    return Screen(Console(file=file, width=200)), file


def coloured() -> tuple[Screen, StringIO]:
    file = StringIO()
    return Screen(Console(file=file, width=200, force_terminal=True, force_interactive=False, highlight=False)), file


def test_without_a_terminal_each_step_is_a_plain_line() -> None:
    screen, file = plain()

    with screen:
        screen.step("kafka", "starting")
        screen.step("kafka", "ready")

    lines = file.getvalue().splitlines()
    assert lines[0].startswith("kafka: starting (")
    assert lines[1].startswith("kafka: ready (")


def test_without_a_terminal_a_download_is_told_in_tenths() -> None:
    screen, file = plain()

    for done in range(101):
        screen.download("jars", done * 10**6, 100 * 10**6)

    assert len(file.getvalue().splitlines()) == 11


def test_on_a_terminal_finished_steps_are_ticked_and_begun_ones_are_not() -> None:
    screen, file = coloured()

    with screen:
        screen.step("kafka", "starting")
        screen.step("kafka", "ready")
        screen.download("jars", 1, 2)
        screen.pause()

    assert file.getvalue().count("✓") == 1


def test_trouble_is_told_either_way() -> None:
    for screen, file in (plain(), coloured()):
        screen.trouble("edge-1", "died [exit code 1]")

        assert "died [exit code 1]" in file.getvalue()
        assert screen.seconds >= 0
