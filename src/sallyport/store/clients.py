"""Application registrations: who may ask for tokens, for which permissions, and how users sign in to it.

The rule: by what an application proves who it is stands elsewhere, in `credentials`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema, upsert

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
client_sign_ins = sa.Table(
    "client_sign_ins",
    schema.metadata,
    sa.Column("client_id", sa.ForeignKey("clients.client_id", ondelete="CASCADE"), primary_key=True),
    #: Where users may be sent back to, each exactly as it is written.
    sa.Column("redirect_uris", schema.Document, nullable=False),
    #: Whether the application can keep no secret, such as one on a desktop.
    sa.Column("public", sa.Boolean, nullable=False),
    #: Delegated permissions that it asks for, by name.
    sa.Column("scopes", schema.Document, nullable=False),
    #: Delegated permissions that it offers to other applications as a resource, by name.
    sa.Column("exposes", schema.Document, nullable=False),
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
class SignIns:
    """How an application lets users sign in."""

    redirect_uris: tuple[str, ...] = ()
    public: bool = False
    scopes: tuple[str, ...] = ()
    exposes: tuple[str, ...] = ()


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


def put_sign_ins(connection: Connection, client_id: str, sign_ins: SignIns) -> None:
    """Store how an application lets users sign in, in place of what was stored."""
    connection.execute(
        upsert.replacing(connection, client_sign_ins, ["client_id"]).values(
            client_id=client_id,
            redirect_uris=list(sign_ins.redirect_uris),
            public=sign_ins.public,
            scopes=list(sign_ins.scopes),
            exposes=list(sign_ins.exposes),
        )
    )


def sign_ins(connection: Connection, client_id: str) -> SignIns:
    """Answer how an application lets users sign in; one that says nothing has nowhere to send them."""
    statement = sa.select(client_sign_ins).where(client_sign_ins.c.client_id == client_id.lower())
    row = connection.execute(statement).one_or_none()
    if row is None:
        return SignIns()
    return SignIns(tuple(row.redirect_uris), row.public, tuple(row.scopes), tuple(row.exposes))


def change(connection: Connection, client_id: str, values: Mapping[str, object]) -> None:
    """Give some columns of an application new values."""
    connection.execute(clients.update().where(clients.c.client_id == client_id).values(dict(values)))


def remove(connection: Connection, client_id: str) -> bool:
    """Delete an application, and answer whether it was there; what belongs to it goes with it, by its foreign keys."""
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
