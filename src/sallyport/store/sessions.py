"""Who is signed in with which browser.

The rule: only the hash of what a browser holds is stored: nobody signs in with a copy of the database.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema

sessions = sa.Table(
    "sessions",
    schema.metadata,
    sa.Column("id_hash", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("signed_in_at", schema.Instant, nullable=False),
    sa.Column("used_at", schema.Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Session:
    """One browser in which a user is signed in."""

    id_hash: str
    user_id: str
    signed_in_at: str
    used_at: str


def insert(connection: Connection, session: Session) -> None:
    """Store a new session."""
    connection.execute(
        sessions.insert().values(
            id_hash=session.id_hash,
            user_id=session.user_id,
            signed_in_at=session.signed_in_at,
            used_at=session.used_at,
        )
    )


def get(connection: Connection, id_hash: str) -> Session | None:
    """Answer a session, or None."""
    row = connection.execute(sa.select(sessions).where(sessions.c.id_hash == id_hash)).one_or_none()
    return None if row is None else Session(*row)


def use(connection: Connection, id_hash: str, now: str) -> None:
    """Note that a session was used."""
    connection.execute(sessions.update().where(sessions.c.id_hash == id_hash).values(used_at=now))


def remove(connection: Connection, id_hash: str) -> None:
    """End a session."""
    connection.execute(sessions.delete().where(sessions.c.id_hash == id_hash))


def remove_of(connection: Connection, user_id: str) -> None:
    """End every session of a user."""
    connection.execute(sessions.delete().where(sessions.c.user_id == user_id))


def sweep(connection: Connection, signed_in_before: str, used_before: str) -> None:
    """Delete the sessions that are over."""
    over = sa.or_(sessions.c.signed_in_at <= signed_in_before, sessions.c.used_at <= used_before)
    connection.execute(sessions.delete().where(over))
