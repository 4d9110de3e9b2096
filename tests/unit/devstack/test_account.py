"""Whom PostgreSQL runs as, and what that user can reach."""

import os
from pathlib import Path

import pytest

from control.devstack.account import account_for_postgres, can_reach, reachable_copy
from control.devstack.process import Account
from presence.domain.errors import SetupError

STRANGER = Account(uid=54_321, gid=54_321)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "run").write_text("")
    for path in (folder, *tmp_path.parents, tmp_path):
        # What the system's temporary folder and pytest set up stays as it is: only ours is opened.
        if path.is_relative_to(tmp_path):
            path.chmod(0o755)
    return folder


def test_only_root_becomes_someone_else() -> None:
    account = account_for_postgres()

    assert (account is not None) == (os.geteuid() == 0)
    assert account is None or account.uid != 0


def test_a_private_folder_on_the_way_hides_what_is_below(programs: Path) -> None:
    programs.parent.chmod(0o700)

    assert not can_reach(programs, STRANGER)
    assert can_reach(Path("/"), STRANGER)


def test_the_owner_may_enter_what_others_may_not(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    assert can_reach(tmp_path, Account(os.getuid(), os.getgid())) == can_reach(
        tmp_path.parent, Account(os.getuid(), os.getgid())
    )


def test_programs_that_cannot_be_reached_are_copied_once(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.chmod(0o700)
    monkeypatch.setattr("control.devstack.account.can_reach", lambda path, _account: "presence-x" in str(path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    home = reachable_copy(programs.parent, ("programs",), "x", STRANGER)
    (programs / "run").write_text("changed")
    again = reachable_copy(programs.parent, ("programs",), "x", STRANGER)

    assert home == again == tmp_path / "presence-x"
    assert (home / "programs" / "run").read_text() == ""


def test_a_copy_that_others_may_change_is_not_used(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.chmod(0o700)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "presence-x").mkdir()
    (tmp_path / "presence-x").chmod(0o777)

    with pytest.raises(SetupError, match="belongs to someone else"):
        reachable_copy(programs.parent, ("programs",), "x", STRANGER)
