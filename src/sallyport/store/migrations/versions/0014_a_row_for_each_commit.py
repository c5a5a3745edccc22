"""What a run commits at a time is one row of its history, and runs lie in the order in which they came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.engine import Connection

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

#: How many runs one statement moves: SQLite holds in memory what it might have to undo of a statement.
_AT_ONCE = 1_000


def upgrade() -> None:
    """Make the tables anew beside the former ones and move the rows over: an entry of before is a row as it was."""
    connection = op.get_bind()
    sqlite = connection.dialect.name == "sqlite"
    op.rename_table("run_history", "former_run_history")
    if not sqlite:
        # Names of indexes are the whole database's there.
        connection.exec_driver_sql("ALTER INDEX pk_run_history RENAME TO pk_former_run_history")
    op.create_table(
        "run_history",
        sa.Column("run_id", sa.String(40), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("entries", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "sequence", name="pk_run_history"),
    )
    quoted = "json_quote({})" if sqlite else "to_json({})::text"
    head = " || ',' || ".join(quoted.format(name) for name in ("name", "repetition", "status"))
    _move(connection, "run_history", "run_id", f"run_id, sequence, '[[' || {head} || ',' || document || ']]'")
    if sqlite:
        _make_runs_anew(connection)
        _move(connection, "runs", "id", "*")


def _make_runs_anew(connection: Connection) -> None:
    """Make the table of runs as it stands, and its indexes, but for the order in which rows lie."""
    kept = "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'runs' AND type = ? AND sql IS NOT NULL"
    [(_, table)] = connection.exec_driver_sql(kept, ("table",)).all()
    indexes = connection.exec_driver_sql(kept, ("index",)).all()
    op.rename_table("runs", "former_runs")
    for name, _ in indexes:
        op.drop_index(name)
    for statement in (table.replace("WITHOUT ROWID", "").rstrip(), *(sql for _, sql in indexes)):
        connection.exec_driver_sql(statement)


def _move(connection: Connection, table: str, run: str, values: str) -> None:
    """Move rows over from the former table, which goes: the oldest runs first, and their names descend in time."""
    former = f"former_{table}"
    next_ = sa.text(f"SELECT DISTINCT {run} FROM {former} ORDER BY {run} DESC LIMIT 1 OFFSET {_AT_ONCE}")  # noqa: S608
    copy = f"INSERT INTO {table} SELECT {values} FROM {former} WHERE {run} > :next ORDER BY {run} DESC"  # noqa: S608
    delete = f"DELETE FROM {former} WHERE {run} > :next"  # noqa: S608
    going_on = True
    while going_on:
        found = connection.execute(next_).scalar()
        going_on = found is not None
        for statement in (copy, delete):
            connection.execute(sa.text(statement), {"next": found or ""})
    op.drop_table(former)
