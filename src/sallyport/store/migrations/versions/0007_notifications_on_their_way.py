"""Notifications on their way to subscribers, and how far the outbox was dealt with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sallyport.store.schema import Document, Sequence
from sallyport.store.schema import metadata as current

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

metadata = sa.MetaData(naming_convention=current.naming_convention)


def upgrade() -> None:
    """Create the tables; what happened before the first start of this version is told to nobody."""
    connection = op.get_bind()
    sa.Table("subscriptions", metadata, sa.Column("id", sa.String(36), primary_key=True))
    metadata.create_all(connection)
    highest = connection.execute(sa.text("SELECT max(sequence) FROM outbox")).scalar() or 0
    connection.execute(cursors.insert().values(name="notifications", sequence=highest))


cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)
sa.Table(
    "notices",
    metadata,
    sa.Column("id", Sequence, primary_key=True, autoincrement=True),
    sa.Column("events", Document, nullable=False),
    sqlite_autoincrement=True,
)
sa.Table(
    "lanes",
    metadata,
    sa.Column("id", Sequence, primary_key=True, autoincrement=True),
    sa.Column("url", sa.String(2048), nullable=False, unique=True),
    sa.Column("endpoint", sa.String(512), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due_at", sa.String(28)),
    sqlite_autoincrement=True,
)
sa.Table(
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
sa.Table(
    "subscription_reminders",
    metadata,
    sa.Column(
        "subscription_id", sa.ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True, nullable=False
    ),
    sa.Column("expires_at", sa.String(28), nullable=False),
)
