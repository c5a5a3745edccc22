"""What a run commits at a time is one row of its history, and runs lie in the order in which they came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sallyport.store.schema import Document
from sallyport.store.schema import metadata as current

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

metadata = sa.MetaData(naming_convention=current.naming_convention)
_INDEXES = ("ix_runs_workflow", "ix_runs_unusual", "uq_runs_event", "ix_runs_wake_at", "ix_runs_owner")


def upgrade() -> None:
    """Make the tables anew beside the former ones and move the rows over: an entry of before is a row as it was."""
    connection = op.get_bind()
    sqlite = connection.dialect.name == "sqlite"
    # On PostgreSQL nothing changes for runs.
    moved = ("run_history", "runs") if sqlite else ("run_history",)
    for name in moved:
        op.rename_table(name, f"former_{name}")
    if sqlite:
        for index in _INDEXES:
            connection.exec_driver_sql(f"DROP INDEX {index}")
    else:
        connection.exec_driver_sql("ALTER INDEX pk_run_history RENAME TO pk_former_run_history")
    metadata.create_all(connection, [metadata.tables[name] for name in moved])
    quoted = "json_quote({})" if sqlite else "to_json({})::text"
    head = " || ',' || ".join(quoted.format(name) for name in ("name", "repetition", "status"))
    connection.exec_driver_sql(
        "INSERT INTO run_history (run_id, sequence, entries) "  # noqa: S608 - names of ours
        f"SELECT run_id, sequence, '[[' || {head} || ',' || document || ']]' FROM former_run_history"
    )
    if sqlite:
        # Names descend in time.
        connection.exec_driver_sql("INSERT INTO runs SELECT * FROM former_runs ORDER BY id DESC")
    for name in moved:
        op.drop_table(f"former_{name}")


sa.Table(
    "run_history",
    metadata,
    sa.Column("run_id", sa.String(40), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("entries", sa.Text, nullable=False),
)
sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("workflow_id", sa.String(36), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("trigger_name", sa.String(80), nullable=False),
    sa.Column("event_id", sa.String(256)),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("code", sa.String(80)),
    sa.Column("error", Document),
    sa.Column("started_at", sa.String(28), nullable=False),
    sa.Column("ended_at", sa.String(28)),
    sa.Column("client_tracking_id", sa.String(256), nullable=False),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("outputs", sa.Text),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("owner", sa.String(64)),
    sa.Column("wake_at", sa.String(28)),
    sa.Index(
        "ix_runs_owner",
        "owner",
        sqlite_where=sa.text("owner IS NOT NULL"),
        postgresql_where=sa.text("owner IS NOT NULL"),
    ),
    sa.Index(
        "ix_runs_unusual",
        "workflow_id",
        "status",
        "id",
        sqlite_where=sa.text("status != 'Succeeded'"),
        postgresql_where=sa.text("status != 'Succeeded'"),
    ),
    sa.Index(
        "ix_runs_wake_at",
        "wake_at",
        sqlite_where=sa.text("wake_at IS NOT NULL"),
        postgresql_where=sa.text("wake_at IS NOT NULL"),
    ),
    sa.Index("ix_runs_workflow", "workflow_id", "id"),
    sa.Index(
        "uq_runs_event",
        "workflow_id",
        "trigger_name",
        "event_id",
        unique=True,
        sqlite_where=sa.text("event_id IS NOT NULL"),
        postgresql_where=sa.text("event_id IS NOT NULL"),
    ),
)
