"""PostgreSQL and Valkey: whether they answer, their versions, the schema."""

import asyncpg
import redis.asyncio
import redis.exceptions

from control.devstack.reach import without_password
from control.doctor.findings import Finding, fail, ok
from migrations.run import current_revision, plan
from presence.domain.errors import SetupError

ANSWER_S = 5.0


async def examine_postgres(address: str) -> list[Finding]:
    """Look at the history's database."""
    shown = without_password(address)
    try:
        connection = await asyncpg.connect(address, timeout=ANSWER_S)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        reason = str(exc) or type(exc).__name__
        return [fail("postgres", f"{shown}: {reason}", "Start it, or correct PRESENCE_POSTGRES.")]
    try:
        version = await connection.fetchval("show server_version")
        return [ok("postgres", f"{shown}, PostgreSQL {version}"), _schema(await current_revision(connection))]
    except (OSError, TimeoutError, asyncpg.PostgresError) as exc:
        return [fail("postgres", f"{shown} answers badly: {exc}", "Look into the server's log.")]
    finally:
        await connection.close(timeout=ANSWER_S)


async def examine_valkey(address: str) -> list[Finding]:
    """Look at Valkey or Redis."""
    client = redis.asyncio.Redis.from_url(address, socket_connect_timeout=ANSWER_S, socket_timeout=ANSWER_S)
    try:
        info = await client.info("server")
    except (redis.exceptions.RedisError, OSError) as exc:
        return [fail("valkey", f"{without_password(address)}: {exc}", "Start it, or correct PRESENCE_VALKEY.")]
    finally:
        await client.aclose()
    version = info.get("valkey_version") or info.get("redis_version")
    return [ok("valkey", f"{without_password(address)}, {info.get('server_name', 'redis')} {version}")]


def _schema(current: str | None) -> Finding:
    try:
        missing, _ = plan(current)
    except SetupError as exc:
        return fail("schema", exc.problem, exc.remedy)
    if missing:
        return fail("schema", f"{current or 'none'}; missing: {', '.join(missing)}", "Run `presence migrate`.")
    return ok("schema", f"{current}, current")
