"""By what applications prove who they are: secrets, and the public keys of certificates, several of each.

The rule: a secret is shown once, when it is made; only its hash is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema


def _table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(
        name,
        schema.metadata,
        #: What people name it by when they take it away.
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("client_id", sa.ForeignKey("clients.client_id", ondelete="CASCADE"), nullable=False, index=True),
        *columns,
        sa.Column("created_at", schema.Instant, nullable=False),
        sa.Column("expires_at", schema.Instant),
        sa.Column("display_name", sa.String(256), nullable=False),
        #: None: from when it was made.
        sa.Column("starts_at", schema.Instant),
    )


client_secrets = _table(
    "client_secrets",
    sa.Column("hash", sa.String(256), nullable=False),
    #: The first characters, so that people can tell their secrets apart.
    sa.Column("hint", sa.String(8), nullable=False),
)
client_keys = _table(
    "client_keys",
    #: The SHA-256 of the certificate, or of the key where there is none, in base64url.
    sa.Column("thumbprint", sa.String(64), nullable=False),
    sa.Column("public_key", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """One secret of an application, hashed."""

    id: str
    client_id: str
    hash: str
    hint: str
    created_at: str
    expires_at: str | None = None
    display_name: str = ""
    #: None: from when it was made.
    starts_at: str | None = None


@dataclass(frozen=True, slots=True)
class ClientKey:
    """One public key of an application, in PEM."""

    id: str
    client_id: str
    thumbprint: str
    public_key: str
    created_at: str
    expires_at: str | None = None
    display_name: str = ""
    #: None: from when it was made.
    starts_at: str | None = None


def add_secret(connection: Connection, secret: ClientSecret) -> None:
    """Store another secret of an application."""
    _add(connection, client_secrets, secret, hash=secret.hash, hint=secret.hint)


def secrets(connection: Connection, client_id: str) -> list[ClientSecret]:
    """Answer the secrets of an application, expired ones included, newest first."""
    return [ClientSecret(*row) for row in _rows(connection, client_secrets, client_id)]


def remove_secret(connection: Connection, client_id: str, secret_id: str) -> bool:
    """Delete one secret, and answer whether it was there."""
    return _remove(connection, client_secrets, client_id, secret_id)


def remove_secrets(connection: Connection, client_id: str) -> int:
    """Delete every secret of an application, and answer how many there were."""
    which = client_secrets.c.client_id == client_id.lower()
    return int(connection.execute(client_secrets.delete().where(which)).rowcount)


def add_key(connection: Connection, key: ClientKey) -> None:
    """Store another public key of an application."""
    _add(connection, client_keys, key, thumbprint=key.thumbprint, public_key=key.public_key)


def public_keys(connection: Connection, client_id: str) -> list[ClientKey]:
    """Answer the public keys of an application, expired ones included, newest first."""
    return [ClientKey(*row) for row in _rows(connection, client_keys, client_id)]


def remove_key(connection: Connection, client_id: str, key_id: str) -> bool:
    """Delete one public key, and answer whether it was there."""
    return _remove(connection, client_keys, client_id, key_id)


def _add(connection: Connection, table: sa.Table, given: ClientSecret | ClientKey, **more: str) -> None:
    connection.execute(
        table.insert().values(
            id=given.id,
            client_id=given.client_id,
            created_at=given.created_at,
            expires_at=given.expires_at,
            display_name=given.display_name,
            starts_at=given.starts_at,
            **more,
        )
    )


def _rows(connection: Connection, table: sa.Table, client_id: str) -> Sequence[Any]:
    which = sa.select(table).where(table.c.client_id == client_id.lower())
    return connection.execute(which.order_by(table.c.created_at.desc(), table.c.id)).all()


def _remove(connection: Connection, table: sa.Table, client_id: str, named: str) -> bool:
    which = sa.and_(table.c.client_id == client_id.lower(), table.c.id == named.lower())
    return bool(connection.execute(table.delete().where(which)).rowcount)
