"""The directories that applications and users belong to; a fresh installation has one."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema

tenants = sa.Table(
    "tenants",
    schema.metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("display_name", sa.String(256), nullable=False),
    sa.Column("created_at", schema.Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Tenant:
    """One directory."""

    id: str
    display_name: str
    created_at: str


def insert(connection: Connection, tenant: Tenant) -> None:
    """Store a new tenant."""
    connection.execute(
        tenants.insert().values(id=tenant.id, display_name=tenant.display_name, created_at=tenant.created_at)
    )


def first(connection: Connection) -> Tenant | None:
    """Answer the oldest tenant, the installation's own; None before the first start."""
    row = connection.execute(sa.select(tenants).order_by(tenants.c.created_at, tenants.c.id).limit(1)).one_or_none()
    return None if row is None else Tenant(*row)
