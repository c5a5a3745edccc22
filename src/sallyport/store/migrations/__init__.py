"""Brings a database to the tables that this version of the code expects; every start does it.

The rule: a migration that was released is never changed; a change of the tables is a new file in `versions`.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

from sallyport.store.database import Database


def upgrade(database: Database) -> None:
    """Bring a database to the newest tables; one that is there already is left as it is."""

    database.write_now(lambda connection: upgrade_on(connection, "head"))


def upgrade_on(connection: Connection, revision: str) -> None:
    """Bring the tables to a revision, in a transaction of the caller's."""
    command.upgrade(configuration(connection), revision)


def configuration(connection: Connection) -> Config:
    """Answer Alembic's configuration for a connection, with this folder's migrations."""
    found = Config()
    found.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    found.attributes["connection"] = connection
    return found
