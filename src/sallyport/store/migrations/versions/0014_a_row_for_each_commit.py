"""What a run commits at a time is one row of its history, and runs lie in the order in which they came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.engine import Connection

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables anew beside the former ones and move the rows over: an entry of before is a row as it was."""
    connection = op.get_bind()
    sqlite = connection.dialect.name == "sqlite"
    op.rename_table("run_history", "former_history")
    if not sqlite:
        # Names of indexes are the whole database's there.
        connection.exec_driver_sql("ALTER INDEX pk_run_history RENAME TO pk_former_history")
    op.create_table(
        "run_history",
        sa.Column("run_id", sa.String(40), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("entries", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "sequence", name="pk_run_history"),
    )
    quoted = "json_quote({})" if sqlite else "to_json({})::text"
    head = " || ',' || ".join(quoted.format(name) for name in ("name", "repetition", "status"))
    connection.exec_driver_sql(
        "INSERT INTO run_history (run_id, sequence, entries) "  # noqa: S608 - names of ours
        f"SELECT run_id, sequence, '[[' || {head} || ',' || document || ']]' FROM former_history"
    )
    op.drop_table("former_history")
    if sqlite:
        _give_runs_a_rowid(connection)


def _give_runs_a_rowid(connection: Connection) -> None:
    """Make the table of runs anew as it stands, and its indexes, but for the order in which rows lie."""
    kept = "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'runs' AND type = ? AND sql IS NOT NULL"
    [(_, table)] = connection.exec_driver_sql(kept, ("table",)).all()
    indexes = connection.exec_driver_sql(kept, ("index",)).all()
    op.rename_table("runs", "former_runs")
    for name, _ in indexes:
        op.drop_index(name)
    for statement in (table.replace("WITHOUT ROWID", "").rstrip(), *(sql for _, sql in indexes)):
        connection.exec_driver_sql(statement)
    # Names descend in time.
    connection.exec_driver_sql("INSERT INTO runs SELECT * FROM former_runs ORDER BY id DESC")
    op.drop_table("former_runs")
