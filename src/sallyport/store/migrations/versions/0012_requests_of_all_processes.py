"""Processes on one database tell each other how many requests they have let pass."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    sa.Table(
        "throttle_counts",
        sa.MetaData(naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(column_0_label)s"}),
        sa.Column("process", sa.String(36), primary_key=True),
        sa.Column("app_id", sa.String(256), primary_key=True),
        sa.Column("scope", sa.String(32), primary_key=True),
        sa.Column("passed", sa.BigInteger, nullable=False),
        sa.Column("at", sa.String(28), nullable=False, index=True),
    ).create(op.get_bind())
