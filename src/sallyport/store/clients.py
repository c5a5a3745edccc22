"""Application registrations: who may ask for tokens in an application's own name, and for which permissions.

The rule: a secret is shown once, when it is made; only its hash is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema

clients = sa.Table(
    "clients",
    schema.metadata,
    sa.Column("client_id", sa.String(36), primary_key=True),
    sa.Column("tenant_id", sa.String(36), nullable=False),
    sa.Column("display_name", sa.String(256), nullable=False),
    #: Application permissions, by name.
    sa.Column("permissions", schema.Document, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    #: The local administrator of this installation; made at the first start.
    sa.Column("administrator", sa.Boolean, nullable=False),
    sa.Column("created_at", schema.Instant, nullable=False),
)
client_secrets = sa.Table(
    "client_secrets",
    schema.metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("client_id", sa.ForeignKey("clients.client_id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("hash", sa.String(256), nullable=False),
    #: The first characters, so that people can tell their secrets apart.
    sa.Column("hint", sa.String(8), nullable=False),
    sa.Column("created_at", schema.Instant, nullable=False),
    sa.Column("expires_at", schema.Instant),
)


@dataclass(frozen=True, slots=True)
class Client:
    """One registered application."""

    client_id: str
    tenant_id: str
    display_name: str
    permissions: tuple[str, ...]
    created_at: str
    enabled: bool = True
    administrator: bool = False


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """One secret of an application, hashed."""

    id: str
    client_id: str
    hash: str
    hint: str
    created_at: str
    expires_at: str | None = None


def insert(connection: Connection, client: Client) -> None:
    """Store a new application."""
    connection.execute(
        clients.insert().values(
            client_id=client.client_id,
            tenant_id=client.tenant_id,
            display_name=client.display_name,
            permissions=list(client.permissions),
            enabled=client.enabled,
            administrator=client.administrator,
            created_at=client.created_at,
        )
    )


def add_secret(connection: Connection, secret: ClientSecret) -> None:
    """Store another secret of an application."""
    connection.execute(
        client_secrets.insert().values(
            id=secret.id,
            client_id=secret.client_id,
            hash=secret.hash,
            hint=secret.hint,
            created_at=secret.created_at,
            expires_at=secret.expires_at,
        )
    )


def get(connection: Connection, client_id: str) -> Client | None:
    """Answer an application, or None; ids are compared in lower case, as GUIDs are."""
    return _one(connection, clients.c.client_id == client_id.lower())


def administrator(connection: Connection) -> Client | None:
    """Answer the local administrator, or None before the first start."""
    return _one(connection, clients.c.administrator.is_(True))


def listed(connection: Connection) -> list[Client]:
    """Answer every application, oldest first."""
    statement = sa.select(clients).order_by(clients.c.created_at, clients.c.client_id)
    return [_client(row) for row in connection.execute(statement)]


def secrets(connection: Connection, client_id: str) -> list[ClientSecret]:
    """Answer the secrets of an application, expired ones included, newest first."""
    statement = (
        sa.select(client_secrets)
        .where(client_secrets.c.client_id == client_id.lower())
        .order_by(client_secrets.c.created_at.desc(), client_secrets.c.id)
    )
    return [ClientSecret(*row) for row in connection.execute(statement)]


def remove_secrets(connection: Connection, client_id: str) -> int:
    """Delete every secret of an application, and answer how many there were."""
    return int(
        connection.execute(client_secrets.delete().where(client_secrets.c.client_id == client_id.lower())).rowcount
    )


def remove(connection: Connection, client_id: str) -> bool:
    """Delete an application and its secrets, and answer whether it was there."""
    remove_secrets(connection, client_id)
    return bool(connection.execute(clients.delete().where(clients.c.client_id == client_id.lower())).rowcount)


def _one(connection: Connection, condition: sa.ColumnElement[bool]) -> Client | None:
    statement = sa.select(clients).where(condition).order_by(clients.c.created_at).limit(1)
    row = connection.execute(statement).one_or_none()
    return None if row is None else _client(row)


def _client(row: sa.Row[tuple[object, ...]]) -> Client:
    return Client(
        client_id=row.client_id,
        tenant_id=row.tenant_id,
        display_name=row.display_name,
        permissions=tuple(row.permissions),
        created_at=row.created_at,
        enabled=row.enabled,
        administrator=row.administrator,
    )
