"""Two server processes of one installation: one PostgreSQL database, one master key."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import databases
from acceptance.server import Server, serving
from sallyport.store.database import Database


@dataclass
class Pair:
    """Two servers, and the database that they share."""

    one: Server
    two: Server
    database: Database

    def log(self) -> str:
        """What the servers have said."""
        return self.one.log() + self.two.log()


@contextmanager
def pair(server_url: str, folder: Path, **more: str) -> Iterator[Pair]:
    """Start two servers on an empty database, and make sure that they end."""
    url = databases.created(server_url)
    settings = {"SALLYPORT_DATABASE_URL": url, **more}
    with serving(folder / "one", folder / "one.log", "--tls", "none", **settings) as one:
        (folder / "two").mkdir()
        # What is sealed in the database opens for every process that has the same key.
        shutil.copy(folder / "one" / "master.key", folder / "two" / "master.key")
        with serving(folder / "two", folder / "two.log", "--tls", "none", **settings) as two:
            database = Database(url)
            try:
                yield Pair(one, two, database)
            finally:
                database.close()
