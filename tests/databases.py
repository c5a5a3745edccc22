"""The store's databases for tests: a SQLite file of the test's own, or an emptied PostgreSQL database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from sallyport.store import schema, tables
from sallyport.store.database import Database, sqlite_url


@contextmanager
def sqlite(folder: Path) -> Iterator[Database]:
    """Open a new database file with every table."""
    database = Database(sqlite_url(folder / "sallyport.db"))
    tables.create(database)
    try:
        yield database
    finally:
        database.close()


def created(server_url: str) -> str:
    """Create a database of one's own on a server, without any table, and answer its URL."""
    name = f"sallyport_{uuid.uuid4().hex}"
    engine = sa.create_engine(server_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def postgresql_database(server_url: str) -> Iterator[str]:
    """Create a database of one's own on a server, with every table; gives its URL."""
    url = created(server_url)
    database = Database(url)
    tables.create(database)
    database.close()
    yield url


@contextmanager
def emptied(url: str) -> Iterator[Database]:
    """Open a database and delete what an earlier test left in it."""
    database = Database(url)
    names = ", ".join(f'"{table.name}"' for table in schema.metadata.sorted_tables)
    database.write_now(lambda connection: connection.execute(sa.text(f"TRUNCATE {names} RESTART IDENTITY CASCADE")))
    try:
        yield database
    finally:
        database.close()
