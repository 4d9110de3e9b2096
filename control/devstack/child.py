"""Become a server: tie this process's life to its parent's, drop privileges, then turn into the given program.

Run by path in an isolated interpreter (``python -I -S child.py parent signal uid gid nice cwd program arg...``), it
does what ``preexec_fn`` would, without running Python between fork and exec of a process that has threads.
"""

import ctypes
import os
import signal
import sys

# From <linux/prctl.h>: the kernel sends this process the given signal when the thread that started it ends.
PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Replace this process by the program; returns only by raising."""
    parent, death_signal, uid, gid, niceness = map(int, arguments[:5])
    working_dir, *command = arguments[5:]
    # The interpreter ignores some signals, and ignoring survives exec: the server shall start with none ignored.
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    # Before the privileges go: the directory may lie below one that only its owner may enter.
    os.chdir(working_dir)
    os.umask(0o077)
    if niceness:
        os.nice(niceness)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if libc is not None:
        # After setuid, which clears it.
        libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        # The parent ended before prctl could tell us.
        raise SystemExit(1)
    try:
        os.execv(command[0], command)  # noqa: S606 - becoming another program is what this module is for
    except OSError as exc:
        raise SystemExit(f"{command[0]} cannot be run: {exc.strerror}") from exc


if __name__ == "__main__":
    main(sys.argv[1:])
