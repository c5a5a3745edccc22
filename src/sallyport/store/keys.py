"""The keys that tokens are signed with: the private half sealed, the public half as it is published.

The rule: a retired key signs nothing, and is still published until the last token that it signed has expired.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema

signing_keys = sa.Table(
    "signing_keys",
    schema.metadata,
    sa.Column("kid", sa.String(64), primary_key=True),
    sa.Column("algorithm", sa.String(16), nullable=False),
    sa.Column("sealed_private_key", sa.Text, nullable=False),
    sa.Column("public_jwk", schema.Document, nullable=False),
    sa.Column("created_at", schema.Instant, nullable=False),
    sa.Column("retired_at", schema.Instant),
)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key pair."""

    kid: str
    algorithm: str
    #: PEM, sealed for `aad(kid)`.
    sealed_private_key: str
    public_jwk: dict[str, Any]
    created_at: str
    retired_at: str | None = None


def aad(kid: str) -> str:
    """Answer what a private key is sealed for."""
    return f"signing_keys/{kid}"


def insert(connection: Connection, key: SigningKey) -> None:
    """Store a new key."""
    connection.execute(
        signing_keys.insert().values(
            kid=key.kid,
            algorithm=key.algorithm,
            sealed_private_key=key.sealed_private_key,
            public_jwk=key.public_jwk,
            created_at=key.created_at,
            retired_at=key.retired_at,
        )
    )


def published(connection: Connection, retired_after: str) -> list[SigningKey]:
    """Answer every key that is in use, or that was retired after an instant; newest first."""
    statement = (
        sa.select(signing_keys)
        .where(sa.or_(signing_keys.c.retired_at.is_(None), signing_keys.c.retired_at > retired_after))
        .order_by(signing_keys.c.created_at.desc(), signing_keys.c.kid)
    )
    return [SigningKey(*row) for row in connection.execute(statement)]


def retire(connection: Connection, kid: str, now: str) -> bool:
    """Take a key out of use, and answer whether it was in use."""
    statement = (
        signing_keys.update()
        .where(signing_keys.c.kid == kid, signing_keys.c.retired_at.is_(None))
        .values(retired_at=now)
    )
    return bool(connection.execute(statement).rowcount)
