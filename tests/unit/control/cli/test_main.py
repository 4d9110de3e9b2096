"""Tests of `control.cli.main`: every failure is one clear message and an exit code."""

import json
from pathlib import Path

import jwt
import pytest
import typer.main

from control.cli import main as command
from control.cli import run
from control.cli.main import app, main
from control.cli.reference import page

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "cli.md"
SECRET = "a secret of more than thirty-two bytes"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("up", "run", "migrate", "topics", "watch", "connect", "demo", "doctor"))


def test_every_command_has_an_example_in_its_help() -> None:
    root = typer.main.get_command(app)
    commands = {**root.commands, **root.commands["run"].commands}  # type: ignore[attr-defined]

    without = [name for name, c in commands.items() if not c.hidden and name != "run" and "Example" not in c.help]

    assert without == []


def test_the_page_is_what_the_commands_say() -> None:
    """Mend by `make docs`."""
    assert PAGE.read_text() == page(app)


@pytest.mark.parametrize("line", [["nope"], ["up", "--edges", "0"], ["token"], ["run"]])
def test_a_wrong_command_line_is_a_matter_of_usage(line: list[str]) -> None:
    assert main(line) == 2


def test_a_wrong_setting_is_one_message_without_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRESENCE_EDGE_PROT", "1")

    assert main(["settings"]) == 78
    shown = capsys.readouterr().err
    assert shown.startswith("error: the environment has PRESENCE_EDGE_PROT")
    assert "Traceback" not in shown


def test_debug_shows_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESENCE_EDGE_PROT", "1")

    with pytest.raises(Exception, match="PRESENCE_EDGE_PROT"):
        main(["settings", "--debug"])


def test_a_defect_of_ours_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ouch")

    monkeypatch.setattr(command, "app", broken)

    assert main(["settings"]) == 70
    assert "unexpected ZeroDivisionError: ouch" in capsys.readouterr().err


def test_an_interruption_has_the_code_that_shells_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "app", interrupted)

    assert main([]) == 130


def test_a_client_without_a_running_system_says_what_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch"]) == 69
    assert "no `presence up` runs on .presence" in capsys.readouterr().err


def test_a_token_is_signed_with_the_secret_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRESENCE_TOKEN_SECRET", SECRET)

    assert (
        main(["token", "--user", "ada", "--tenant", "acme", "--ttl", "15m", "--scope", "presence:see-invisible"]) == 0
    )
    claims = jwt.decode(capsys.readouterr().out.strip(), SECRET, algorithms=["HS256"], audience="presence")
    assert (claims["sub"], claims["tenant"], claims["scope"]) == ("ada", "acme", "presence:see-invisible")
    assert claims["exp"] - claims["iat"] == pytest.approx(900)


@pytest.mark.parametrize("ttl", ["0", "x", "5w", "-1s", "1.5h", ""])
def test_a_length_of_time_that_is_none_is_bad_input(
    ttl: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRESENCE_TOKEN_SECRET", SECRET)

    assert main(["token", "--user", "ada", "--ttl", ttl]) == 65
    assert "15m" in capsys.readouterr().err


def test_no_token_without_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "--user", "ada"]) == 78
    assert "PRESENCE_TOKEN_SECRET" in capsys.readouterr().err


def test_settings_are_printed_for_programs_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings"]) == 0
    assert "edge.port\t8400\tdefault" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("tier", ["edge", "streams", "history"])
def test_a_tier_without_kafka_says_which_setting_is_missing(
    tier: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRESENCE_TOKEN_SECRET", SECRET)
    monkeypatch.setattr(run, "configure_logs", lambda *_, **__: None)

    assert main(["run", tier]) == 78
    assert "PRESENCE_KAFKA" in capsys.readouterr().err


def test_the_doctor_says_what_to_do_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for tier in ("EDGE", "STREAMS", "HISTORY"):
        monkeypatch.setenv(f"PRESENCE_{tier}_TELEMETRY_PORT", "0")
    monkeypatch.setenv("PRESENCE_EDGE_PORT", "0")

    assert main(["doctor", "--json"]) == 1
    found = {finding["area"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert found["kafka"]["level"] == "warn"
    assert "presence up" in found["kafka"]["remedy"]
