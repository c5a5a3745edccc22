"""Asks the database whether it can still be read and written: what readiness is made of."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from sallyport.store import schema
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
    """Write the one row there is, or raise as the database does."""
    if not connection.execute(probes.update().where(probes.c.id == 1).values(at=now)).rowcount:
        connection.execute(probes.insert().values(id=1, at=now))
