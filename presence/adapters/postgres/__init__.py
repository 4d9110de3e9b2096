"""PostgreSQL adapters by asyncpg."""
