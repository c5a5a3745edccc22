"""The feed of STIX objects that TAXII reads, and what became of additions over TAXII.

Indicators that are stored already enter the feed here, in the order in which they were made.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from sallyport.store.schema import Document, Sequence
from sallyport.store.schema import metadata as current

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

metadata = sa.MetaData(naming_convention=current.naming_convention)
_AT_ONCE = 1_000


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables and fill the feed."""
    connection = op.get_bind()
    metadata.create_all(connection)
    names = ("sequence", "id", "app_id", "ingested_at")
    stored = sa.table("indicators", *(sa.column(name) for name in names))
    after = place = 0
    while True:
        statement = sa.select(stored).where(stored.c.sequence > after).order_by(stored.c.sequence).limit(_AT_ONCE)
        rows = connection.execute(statement).all()
        if not rows:
            return
        entries = []
        for row in rows:
            place = max(place + 1, _place(row.ingested_at))
            entries.append(
                {
                    "place": place,
                    "object_id": f"indicator--{row.id}",
                    "app_id": row.app_id,
                    "type": "indicator",
                    "version": row.ingested_at,
                    "indicator": row.sequence,
                    "document": None,
                }
            )
        connection.execute(stix_feed.insert(), entries)
        after = rows[-1].sequence


def _place(instant: str) -> int:
    moment = datetime.fromisoformat(instant)
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)


stix_feed = sa.Table(
    "stix_feed",
    metadata,
    sa.Column("place", Sequence, primary_key=True, autoincrement=False),
    sa.Column("object_id", _text(300), nullable=False),
    sa.Column("app_id", sa.String(256), nullable=False),
    sa.Column("type", _text(250), nullable=False),
    sa.Column("version", _text(28), nullable=False),
    sa.Column("indicator", sa.BigInteger),
    sa.Column("document", Document),
    sa.UniqueConstraint("object_id", "app_id"),
    sa.Index("ix_stix_feed_app_id", "app_id", "place"),
)
_OTHERS = stix_feed.c.type != sa.literal_column("'indicator'")
sa.Index("ix_stix_feed_type", stix_feed.c.type, stix_feed.c.place, sqlite_where=_OTHERS, postgresql_where=_OTHERS)

sa.Table(
    "taxii_statuses",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("app_id", sa.String(256), nullable=False),
    sa.Column("added_at", sa.String(28), nullable=False),
    sa.Column("document", Document, nullable=False),
    sa.Index("ix_taxii_statuses_added_at", "added_at"),
)
