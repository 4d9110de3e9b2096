"""Tables of the history."""

from migrations.sqlfile import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    run_sql("0001_history.sql")
