"""What became of each addition over TAXII, for a day.

The rule: an addition is answered with its status after it was committed, so a status never changes.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema

taxii_statuses = sa.Table(
    "taxii_statuses",
    schema.metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("app_id", sa.String(256), nullable=False),
    sa.Column("added_at", schema.Instant, nullable=False, index=True),
    sa.Column("document", schema.Document, nullable=False),
)


def add(connection: Connection, app_id: str, document: dict[str, Any], at: str) -> None:
    """Store the status of an addition."""
    row = {"id": document["id"], "app_id": app_id, "added_at": at, "document": document}
    connection.execute(taxii_statuses.insert().values(**row))


def get(connection: Connection, app_id: str, status_id: str) -> dict[str, Any] | None:
    """Answer the status of an application's own addition, or None."""
    columns = taxii_statuses.c
    statement = sa.select(columns.document).where(columns.id == status_id, columns.app_id == app_id)
    found: dict[str, Any] | None = connection.execute(statement).scalar_one_or_none()
    return found


def forget_before(connection: Connection, at: str) -> int:
    """Delete the statuses of what was added before a moment; answers how many there were."""
    return connection.execute(taxii_statuses.delete().where(taxii_statuses.c.added_at < at)).rowcount
