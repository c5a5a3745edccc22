"""Asks the database whether it can still be read and written: what readiness is made of."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from sallyport.store import schema, upsert
from sallyport.store.database import Database

probes = sa.Table(
    "probes",
    schema.metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", schema.Instant, nullable=False),
)


def usable(db: Database) -> bool:
    """Answer whether this is a database, and one that the server was started on."""
    try:
        return db.read_now(lambda connection: sa.inspect(connection).has_table(probes.name))
    except SQLAlchemyError:
        return False


def read(connection: Connection) -> None:
    """Read something, or raise as the database does."""
    connection.execute(sa.select(sa.literal(1))).scalar_one()


def write(connection: Connection, now: str) -> None:
    """Write the one row there is, or raise as the database does.

    It shares a transaction with whatever others write: a row that another process is writing is left to that, or each
    would wait for what the other has locked.
    """
    there = sa.select(probes.c.id).where(probes.c.id == 1)
    connection.execute(probes.update().where(probes.c.id.in_(there.with_for_update(skip_locked=True))).values(at=now))
    if connection.scalar(there) is None:
        connection.execute(upsert.ignoring(connection, probes), {"id": 1, "at": now})
