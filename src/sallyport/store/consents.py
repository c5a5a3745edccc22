"""What an administrator has granted to an application: the permissions as they were at the moment of consent.

The rule: a token holds what stands here, whatever the registration asks for since.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema, upsert

#: What whoever reads a consent to change it has asked `schema.ordered` for.
KIND = "consent"

consents = sa.Table(
    "consents",
    schema.metadata,
    sa.Column("client_id", sa.ForeignKey("clients.client_id", ondelete="CASCADE"), primary_key=True),
    #: Application permissions, by name.
    sa.Column("roles", schema.Document, nullable=False),
    #: Delegated permissions, by name.
    sa.Column("scopes", schema.Document, nullable=False),
    sa.Column("granted_at", schema.Instant, nullable=False),
    sa.Column("granted_by", sa.String(256), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Consent:
    """One application's granted permissions."""

    client_id: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    granted_at: str
    #: A user's name, or `local` for somebody at the machine itself.
    granted_by: str


def put(connection: Connection, consent: Consent) -> None:
    """Store what is granted, in place of what was."""
    connection.execute(
        upsert.replacing(connection, consents, ["client_id"]).values(
            client_id=consent.client_id,
            roles=list(consent.roles),
            scopes=list(consent.scopes),
            granted_at=consent.granted_at,
            granted_by=consent.granted_by,
        )
    )


def get(connection: Connection, client_id: str) -> Consent | None:
    """Answer what is granted to an application, or None."""
    row = connection.execute(sa.select(consents).where(consents.c.client_id == client_id.lower())).one_or_none()
    return None if row is None else _consent(row)


def listed(connection: Connection) -> list[Consent]:
    """Answer every consent, the oldest first."""
    statement = sa.select(consents).order_by(consents.c.granted_at, consents.c.client_id)
    return [_consent(row) for row in connection.execute(statement)]


def remove(connection: Connection, client_id: str) -> bool:
    """Take back what was granted to an application, and answer whether there was anything."""
    return bool(connection.execute(consents.delete().where(consents.c.client_id == client_id.lower())).rowcount)


def _consent(row: sa.Row[tuple[object, ...]]) -> Consent:
    return Consent(
        client_id=row.client_id,
        roles=tuple(row.roles),
        scopes=tuple(row.scopes),
        granted_at=row.granted_at,
        granted_by=row.granted_by,
    )
