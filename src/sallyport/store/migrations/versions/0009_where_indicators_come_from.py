"""The feed of STIX objects tells where each comes from, and what its pattern looks for first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.engine import Connection

from sallyport.store import pages, stix_feed

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_BEFORE = ("place", "object_id", "app_id", "type", "version", "indicator", "document")
_INDEXES = ("ix_stix_feed_app_id", "ix_stix_feed_type")


def upgrade() -> None:
    """Add the columns; only indicators that were not uploaded are known to come from somewhere."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        _copy(connection)
    else:
        for name, length in (("source", 256), ("pattern_type", 64)):
            op.add_column("stix_feed", sa.Column(name, pages.text(length)))
        op.create_index("ix_stix_feed_source", "stix_feed", ["source", "pattern_type", "place"])
    connection.exec_driver_sql(
        "UPDATE stix_feed SET source = 'SecurityGraph' WHERE document IS NULL AND indicator IS NOT NULL"
    )


def _copy(connection: Connection) -> None:
    """Make the table anew around its rows, as it is declared."""
    for name in _INDEXES:
        op.drop_index(name, "stix_feed")
    op.rename_table("stix_feed", "stix_feed_before")
    stix_feed.stix_feed.create(connection)
    names = ", ".join(_BEFORE)
    connection.exec_driver_sql(
        f"INSERT INTO stix_feed ({names}) SELECT {names} FROM stix_feed_before ORDER BY place"  # noqa: S608
    )
    op.drop_table("stix_feed_before")
