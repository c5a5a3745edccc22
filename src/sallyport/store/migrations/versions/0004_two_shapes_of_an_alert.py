"""The shape of alerts_v2 beside each alert, and incidents.

SQLite makes the table anew, so that it is what a new database has; every alert gets its second shape here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.engine import Connection

from sallyport.store import alert_table, alerts, incidents
from sallyport.store.schema import Document

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_AT_ONCE = 1_000
_NEW = ("v2_severity", "v2_status", "service_source", "classification", "determination", "incident_id", "v2_document")


def upgrade() -> None:
    """Make the columns and the table, and fill them."""
    connection = op.get_bind()
    incidents.incidents.create(connection)
    if connection.dialect.name == "sqlite":
        for index in sa.inspect(connection).get_indexes("alerts"):
            op.drop_index(str(index["name"]), "alerts")
        op.rename_table("alerts", "alerts_before")
        alert_table.alerts.create(connection)
        _copy(connection)
        op.drop_table("alerts_before")
        return
    for name in _NEW:
        column = alert_table.alerts.c[name]
        op.add_column("alerts", sa.Column(name, column.type, nullable=True))
    _fill(connection)
    op.alter_column("alerts", "v2_document", nullable=False)
    for made in alert_table.alerts.indexes:
        if made.name in ("ix_alerts_service_source", "ix_alerts_incident_id"):
            made.create(connection)


def _copy(connection: Connection) -> None:
    for rows in _stored(connection, "alerts_before"):
        made = [{**alerts.row_of(row.document), "sequence": row.sequence, "version": row.version} for row in rows]
        connection.execute(alert_table.alerts.insert(), made)
        _join(connection, made)


def _fill(connection: Connection) -> None:
    for rows in _stored(connection, "alerts"):
        made = [alerts.row_of(row.document) for row in rows]
        for row, values in zip(rows, made, strict=True):
            table = alert_table.alerts
            told = {name: values[name] for name in _NEW}
            connection.execute(table.update().where(table.c.sequence == row.sequence).values(**told))
        _join(connection, made)


def _join(connection: Connection, made: list[dict[str, Any]]) -> None:
    """Begin the incidents that the stored alerts name, each as of its latest alert."""
    at = max((row["modified_at"] or row["created_at"] for row in made), default="")
    incidents.join(connection, [row["v2_document"] for row in made], at)


def _stored(connection: Connection, name: str) -> Iterable[list[Any]]:
    table = sa.table(
        name,
        sa.column("sequence", sa.BigInteger),
        sa.column("version", sa.Integer),
        sa.column("document", Document),
    )
    after = 0
    while True:
        statement = sa.select(table).where(table.c.sequence > after).order_by(table.c.sequence).limit(_AT_ONCE)
        rows = list(connection.execute(statement))
        if not rows:
            return
        yield rows
        after = rows[-1].sequence
