"""Bring a database to the schema of this build: forward only, all or nothing, one at a time.

Alembic keeps the order of the revisions and writes the script; asyncpg runs it in one transaction. So no second
driver is needed, and what runs is exactly the SQL of ``migrations/sql``.
"""

import io
from pathlib import Path

import asyncpg
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory

from presence.domain.errors import SetupError

_CONNECT_S = 5.0
_LOCK = "0x70726573"  # "pres": one migrator at a time

_PARTITIONS = """
select ensure_events_partition(now()), ensure_events_partition(now() + interval '1 month')
"""


async def migrate(dsn: str) -> list[str]:
    """Run the revisions that are missing, and make the partitions of this month and the next; return their names.

    A second migrator waits for the first and finds nothing to do.

    Raises:
        SetupError: the database does not answer, has a newer schema than this build, or refuses the script.
    """
    connection = await _connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("set local lock_timeout = '60s'")
            await connection.execute(f"select pg_advisory_xact_lock({int(_LOCK, 16)})")
            names, script = plan(await current_revision(connection))
            if script:
                await connection.execute(script)
            await connection.execute(_PARTITIONS)
            return names
    except asyncpg.LockNotAvailableError as exc:
        raise SetupError("another migration holds the database", "Wait for it to end, then try again.") from exc
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as exc:
        raise SetupError(
            f"the migration was refused: {exc}", "Nothing was changed. Check the role's rights and the server's log."
        ) from exc
    finally:
        await connection.close(timeout=_CONNECT_S)


async def current_revision(connection: asyncpg.Connection) -> str | None:
    """The revision of the database; None when it has no schema yet."""
    if await connection.fetchval("select to_regclass('alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("select version_num from alembic_version")
    return revision


def plan(current: str | None) -> tuple[list[str], str]:
    """The names of the revisions after ``current`` and the SQL that runs them; empty when there are none.

    Raises:
        SetupError: ``current`` is no revision of this build.
    """
    folder = Path(__file__).parent
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory(str(folder), version_locations=[str(folder / "versions")])
    known = [script.revision for script in scripts.walk_revisions()]
    if current is not None and current not in known:
        raise SetupError(
            f"the database has schema {current}; this build knows up to {known[0]}",
            "Run a newer build, or name another database. Nothing was changed.",
        )
    names = [f"{script.revision} {script.doc}" for script in reversed([*scripts.iterate_revisions("head", current)])]
    return names, _script(config, scripts, current) if names else ""


def _script(config: Config, scripts: ScriptDirectory, current: str | None) -> str:
    def upgrade(revision: str | tuple[str, ...] | None, _: MigrationContext) -> list[RevisionStep]:
        steps: list[RevisionStep] = scripts._upgrade_revs("head", revision)  # type: ignore[arg-type]  # noqa: SLF001 - what alembic.command.upgrade calls
        return steps

    output = io.StringIO()
    with EnvironmentContext(config, scripts, fn=upgrade, as_sql=True, starting_rev=current) as environment:
        # transactional_ddl off: the transaction is ours, around the lock too.
        environment.configure(dialect_name="postgresql", output_buffer=output, transactional_ddl=False)
        environment.run_migrations()
    return output.getvalue()


async def _connect(dsn: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(dsn, timeout=_CONNECT_S, server_settings={"application_name": "presence-migrate"})
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        reason = str(exc) or type(exc).__name__
        raise SetupError(
            f"PostgreSQL does not answer: {reason}", "Start it, or check the address, the role and the password."
        ) from exc
