"""Indicators are found by the keys of their properties; three indexes of columns have nothing left to do.

The keys of the properties are those of 0002; what is new is that of the indicators for Microsoft Defender.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sallyport.security.observables import DEFENDER
from sallyport.security.values import property_key
from sallyport.store import upsert

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_INDEXES = ("ix_indicators_domain_name", "ix_indicators_network_ipv4", "ix_indicators_file_hash_value")


def upgrade() -> None:
    """Drop the indexes, and store the keys."""
    for name in _INDEXES:
        op.drop_index(name, "indicators")
    columns = (sa.column("sequence", sa.BigInteger), sa.column("target_product", sa.String))
    stored = sa.table("indicators", *columns)
    keys = sa.Table(
        "indicator_observables",
        sa.MetaData(),
        sa.Column("key", sa.BigInteger, primary_key=True),
        sa.Column("sequence", sa.BigInteger, primary_key=True),
    )
    key = property_key("targetProduct", DEFENDER)
    found = sa.select(sa.literal(key, sa.BigInteger), stored.c.sequence).where(stored.c.target_product == DEFENDER)
    connection = op.get_bind()
    connection.execute(upsert.ignoring(connection, keys).from_select(["key", "sequence"], found))
