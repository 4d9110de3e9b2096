"""Hand a file of plain SQL to Alembic, untouched."""

from pathlib import Path

from alembic import op

_FOLDER = Path(__file__).parent / "sql"


def run_sql(name: str) -> None:
    """Put the statements of ``sql/<name>`` into the migration that is being written."""
    # Past SQLAlchemy's text(), which would take colons and percent signs for parameters.
    op.get_context().impl.static_output((_FOLDER / name).read_text(encoding="utf-8"))
