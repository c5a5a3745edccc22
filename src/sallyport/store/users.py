"""The people of a tenant: their names, what their passwords hash to, and their roles.

The rule: names are compared without regard to case; a password is never stored, only its hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema

users = sa.Table(
    "users",
    schema.metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    #: The sign-in name in lower case.
    sa.Column("key", sa.String(256), nullable=False, unique=True),
    sa.Column("name", sa.String(256), nullable=False),
    sa.Column("display_name", sa.String(256), nullable=False),
    sa.Column("password_hash", sa.String(256), nullable=False),
    sa.Column("roles", schema.Document, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("created_at", schema.Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class User:
    """One person."""

    id: str
    #: What is typed at sign-in.
    name: str
    display_name: str
    password_hash: str
    #: Directory roles, by name.
    roles: tuple[str, ...]
    created_at: str
    enabled: bool = True


def insert(connection: Connection, user: User) -> None:
    """Store a new user."""
    connection.execute(
        users.insert().values(
            id=user.id,
            key=user.name.lower(),
            name=user.name,
            display_name=user.display_name,
            password_hash=user.password_hash,
            roles=list(user.roles),
            enabled=user.enabled,
            created_at=user.created_at,
        )
    )


def named(connection: Connection, name: str) -> User | None:
    """Answer the user with a sign-in name, or None."""
    return _one(connection, users.c.key == name.strip().lower())


def get(connection: Connection, user_id: str) -> User | None:
    """Answer the user with an id, or None."""
    return _one(connection, users.c.id == user_id)


def listed(connection: Connection) -> list[User]:
    """Answer every user, by name."""
    return [_user(row) for row in connection.execute(sa.select(users).order_by(users.c.key))]


def change(connection: Connection, user_id: str, values: Mapping[str, object]) -> None:
    """Give some columns of a user new values."""
    connection.execute(users.update().where(users.c.id == user_id).values(dict(values)))


def remove(connection: Connection, user_id: str) -> None:
    """Delete a user."""
    connection.execute(users.delete().where(users.c.id == user_id))


def _one(connection: Connection, condition: sa.ColumnElement[bool]) -> User | None:
    row = connection.execute(sa.select(users).where(condition)).one_or_none()
    return None if row is None else _user(row)


def _user(row: sa.Row[tuple[object, ...]]) -> User:
    return User(
        id=row.id,
        name=row.name,
        display_name=row.display_name,
        password_hash=row.password_hash,
        roles=tuple(row.roles),
        created_at=row.created_at,
        enabled=row.enabled,
    )
