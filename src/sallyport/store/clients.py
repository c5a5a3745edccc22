"""Application registrations: who may ask for tokens in an application's own name, and for which permissions.

The rule: a secret is shown once, when it is made; only its hash is stored.
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
)
client_keys = sa.Table(
    "client_keys",
    schema.metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("client_id", sa.ForeignKey("clients.client_id", ondelete="CASCADE"), nullable=False, index=True),
    #: The SHA-256 of the certificate, or of the key where there is none, in base64url.
    sa.Column("thumbprint", sa.String(64), nullable=False),
    sa.Column("public_key", sa.Text, nullable=False),
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


@dataclass(frozen=True, slots=True)
class SignIns:
    """How an application lets users sign in."""

    redirect_uris: tuple[str, ...] = ()
    public: bool = False
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClientKey:
    """One public key of an application, in PEM."""

    id: str
    client_id: str
    thumbprint: str
    public_key: str
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


def put_sign_ins(connection: Connection, client_id: str, sign_ins: SignIns) -> None:
    """Store how an application lets users sign in, in place of what was stored."""
    connection.execute(
        upsert.replacing(connection, client_sign_ins, ["client_id"]).values(
            client_id=client_id,
            redirect_uris=list(sign_ins.redirect_uris),
            public=sign_ins.public,
            scopes=list(sign_ins.scopes),
        )
    )


def sign_ins(connection: Connection, client_id: str) -> SignIns:
    """Answer how an application lets users sign in; one that says nothing has nowhere to send them."""
    statement = sa.select(client_sign_ins).where(client_sign_ins.c.client_id == client_id.lower())
    row = connection.execute(statement).one_or_none()
    return SignIns() if row is None else SignIns(tuple(row.redirect_uris), row.public, tuple(row.scopes))


def add_key(connection: Connection, key: ClientKey) -> None:
    """Store another public key of an application."""
    connection.execute(
        client_keys.insert().values(
            id=key.id,
            client_id=key.client_id,
            thumbprint=key.thumbprint,
            public_key=key.public_key,
            created_at=key.created_at,
            expires_at=key.expires_at,
        )
    )


def public_keys(connection: Connection, client_id: str) -> list[ClientKey]:
    """Answer the public keys of an application, newest first."""
    statement = (
        sa.select(client_keys)
        .where(client_keys.c.client_id == client_id.lower())
        .order_by(client_keys.c.created_at.desc(), client_keys.c.id)
    )
    return [ClientKey(*row) for row in connection.execute(statement)]


def change(connection: Connection, client_id: str, values: Mapping[str, object]) -> None:
    """Give some columns of an application new values."""
    connection.execute(clients.update().where(clients.c.client_id == client_id).values(dict(values)))


def remove_secret(connection: Connection, client_id: str, secret_id: str) -> bool:
    """Delete one secret, and answer whether it was there."""
    which = sa.and_(client_secrets.c.client_id == client_id, client_secrets.c.id == secret_id)
    return bool(connection.execute(client_secrets.delete().where(which)).rowcount)


def remove_secrets(connection: Connection, client_id: str) -> int:
    """Delete every secret of an application, and answer how many there were."""
    return int(
        connection.execute(client_secrets.delete().where(client_secrets.c.client_id == client_id.lower())).rowcount
    )


def remove(connection: Connection, client_id: str) -> bool:
    """Delete an application and its secrets, and answer whether it was there."""
    remove_secrets(connection, client_id)
    # What else belongs to it goes with it, by its foreign keys.
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
