"""A file that takes room on the database's disk, to be given up when the disk is full, so that there is room to delete.

The rule: on a full disk even deleting needs room. Once the reserve is given up only retention may write, until it can
be taken again.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

NAME = "sallyport.reserve"


class Reserve:
    """The reserve beside one database file."""

    def __init__(self, folder: Path, size: int) -> None:
        self._path = folder / NAME
        self._size = size

    @property
    def held(self) -> bool:
        """Answer whether the room is taken."""
        return self._path.exists()

    def take(self, spare: int = 0) -> bool:
        """Take the room again; answer whether there is enough for others to write as well.

        There is, when the reserve and a quarter more is free: on the disk, or as `spare` bytes inside the database.
        What is inside the database cannot be set aside, so that the reserve may be smaller than it should be.
        """
        there = self._path.stat().st_size if self.held else 0
        free = shutil.disk_usage(self._path.parent).free + there
        if there >= self._size:
            return True
        if free + spare < self._size + self._size // 4:
            return False
        return self._fill(min(self._size, free * 4 // 5))

    def _fill(self, size: int) -> bool:
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(handle, 0, max(size, 1))
        except OSError:
            self.give_up()
        finally:
            os.close(handle)
        return self.held

    def give_up(self) -> None:
        """Give the room back."""
        self._path.unlink(missing_ok=True)


def shrink(connection: Connection) -> int:
    """Merge SQLite's log into its database, give the log's room back, and answer what is free inside the database."""
    # A log is not merged inside a transaction; the driver begins none by itself.
    raw: Any = connection.connection.driver_connection
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    page, free = (int(raw.execute(f"PRAGMA {each}").fetchone()[0]) for each in ("page_size", "freelist_count"))
    return page * free
