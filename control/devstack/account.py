"""Whom PostgreSQL runs as when root starts it, since it refuses to run as root, and what that user can reach."""

import os
import pwd
import shutil
import stat
import sys
import tempfile
from pathlib import Path

from control.devstack.process import Account
from presence.domain.errors import SetupError

UNPRIVILEGED_USER = "nobody"
"""Exists everywhere, owns nothing, and needs no making."""


def account_for_postgres() -> Account | None:
    """Return the user to run as, None for the current one.

    Raises:
        SetupError: we are root and there is nobody else to be.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        entry = None
    if entry is None or sys.platform != "linux":
        raise SetupError(
            "PostgreSQL does not run as root, and there is no unprivileged user to run it as",
            "Start presence as another user than root, or name a real PostgreSQL.",
        )
    return Account(entry.pw_uid, entry.pw_gid)


def can_reach(path: Path, account: Account) -> bool:
    """Tell whether the user may enter every folder on the way to the path, and read what it names."""
    resolved = path.resolve()
    return all(_may(folder, account, stat.S_IXUSR) for folder in resolved.parents) and _may(
        resolved, account, stat.S_IRUSR | stat.S_IXUSR
    )


def reachable_copy(root: Path, folders: tuple[str, ...], label: str, account: Account) -> Path:
    """Return ``root``, or the root of a copy, such that the user can reach the given folders below it.

    An environment below a private home (``/root``) is not reachable, and it is not ours to open.
    """
    if all(can_reach(root / folder, account) for folder in folders):
        return root
    home = Path(tempfile.gettempdir()) / f"presence-{label}"
    if not home.exists():
        draft = Path(tempfile.mkdtemp(prefix=f"presence-{label}-"))
        for folder in folders:
            shutil.copytree(root / folder, draft / folder, symlinks=True)
        draft.chmod(0o755)
        try:
            draft.rename(home)
        except OSError:
            # Another start was faster.
            shutil.rmtree(draft)
    status = home.lstat()
    # The temporary folder is everyone's: programs that someone else put there are not run.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise SetupError(
            f"{home} should hold our copy of PostgreSQL's programs but belongs to someone else",
            "Remove it, or install presence where every user can read it.",
        )
    if not all(can_reach(home / folder, account) for folder in folders):
        raise SetupError(
            f"the user {UNPRIVILEGED_USER}, as whom PostgreSQL must run, cannot reach {home}",
            "Install presence where every user can read it, or start it as another user than root.",
        )
    return home


def _may(path: Path, account: Account, bits: int) -> bool:
    """Check permission bits, given as those of the owner, for the class that the user is in."""
    status = path.stat()
    shift = 0 if status.st_uid == account.uid else 3 if status.st_gid == account.gid else 6
    return status.st_mode & (bits >> shift) == bits >> shift
