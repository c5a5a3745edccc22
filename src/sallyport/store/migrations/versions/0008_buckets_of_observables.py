"""What alerts mention is kept in buckets of alerts, so that what is stored together is written together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BITS = {"sqlite": 13, "postgresql": 63}


def upgrade() -> None:
    """Make the table anew around its rows."""
    connection = op.get_bind()
    connection.exec_driver_sql("CREATE TEMPORARY TABLE kept AS SELECT key, sequence FROM alert_observables")
    op.drop_table("alert_observables")
    sa.Table(
        "alert_observables",
        sa.MetaData(naming_convention={"pk": "pk_%(table_name)s"}),
        sa.Column("bucket", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    ).create(connection)
    bits = _BITS[connection.dialect.name]
    connection.exec_driver_sql(
        f"INSERT INTO alert_observables SELECT sequence >> {bits}, key, sequence FROM kept ORDER BY 1, 2, 3"  # noqa: S608
    )
    connection.exec_driver_sql("DROP TABLE kept")
