"""What is told stands in the notices, each address keeps its place there, and processes share the addresses."""

from __future__ import annotations

import zlib

import sqlalchemy as sa
from alembic import op

from sallyport.store.schema import Document, Sequence
from sallyport.store.schema import metadata as current

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_SHARES = 64
metadata = sa.MetaData(naming_convention=current.naming_convention)


def upgrade() -> None:
    """Make the tables anew around their rows: what was on its way stays so, as letters of their own."""
    connection = op.get_bind()
    for name in ("notices", "lanes", "deliveries"):
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE kept_{name} AS SELECT * FROM {name}")  # noqa: S608
    for name in ("deliveries", "lanes", "notices"):
        op.drop_table(name)
    metadata.create_all(connection)
    connection.exec_driver_sql(
        "INSERT INTO notices (id, created_at, events, wanted) SELECT n.id, "
        "coalesce((SELECT min(d.created_at) FROM kept_deliveries d WHERE d.notice_id = n.id), ''), n.events, '[]' "
        "FROM kept_notices n"
    )
    newest = connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM notices").scalar()
    kept = connection.exec_driver_sql("SELECT id, url, endpoint, attempts, due_at FROM kept_lanes").mappings()
    rows = [{**row, "share": zlib.crc32(row["endpoint"].encode()) % _SHARES, "position": newest} for row in kept]
    if rows:
        connection.execute(lanes.insert(), rows)
    names = "id, lane_id, notice_id, wanted, body, created_at, due_at, dead_at, reason"
    connection.exec_driver_sql(f"INSERT INTO deliveries ({names}) SELECT {names} FROM kept_deliveries")  # noqa: S608
    for name in ("notices", "lanes", "deliveries"):
        connection.exec_driver_sql(f"DROP TABLE kept_{name}")
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), coalesce(max(id), 0) + 1, false) FROM {name}"  # noqa: S608
            )


sa.Table(
    "notices",
    metadata,
    sa.Column("id", Sequence, primary_key=True, autoincrement=True),
    sa.Column("created_at", sa.String(28), nullable=False),
    sa.Column("events", Document, nullable=False),
    sa.Column("wanted", Document, nullable=False),
    sqlite_autoincrement=True,
)
lanes = sa.Table(
    "lanes",
    metadata,
    sa.Column("id", Sequence, primary_key=True, autoincrement=True),
    sa.Column("url", sa.String(2048), nullable=False, unique=True),
    sa.Column("endpoint", sa.String(512), nullable=False),
    sa.Column("share", sa.Integer, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due_at", sa.String(28)),
    sa.Column("spared_until", sa.String(28), index=True),
    sqlite_autoincrement=True,
)
deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", Sequence, primary_key=True, autoincrement=True),
    sa.Column("lane_id", sa.ForeignKey("lanes.id"), nullable=False),
    sa.Column("notice_id", sa.ForeignKey("notices.id")),
    sa.Column("wanted", Document),
    sa.Column("body", Document),
    sa.Column("created_at", sa.String(28), nullable=False),
    sa.Column("due_at", sa.String(28), nullable=False),
    sa.Column("dead_at", sa.String(28)),
    sa.Column("reason", sa.String(200)),
    sa.Index("ix_deliveries_notice_id", "notice_id"),
    sa.Index("ix_deliveries_lane_id", "lane_id", "dead_at", "id"),
    sa.Index("ix_deliveries_dead_at", "dead_at", "id"),
    sqlite_autoincrement=True,
)
_LIVE = deliveries.c.dead_at.is_(None)
sa.Index("ix_deliveries_due_at", deliveries.c.due_at, sqlite_where=_LIVE, postgresql_where=_LIVE)
sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("owner", sa.String(80)),
    sa.Column("beat", sa.BigInteger, nullable=False),
)
