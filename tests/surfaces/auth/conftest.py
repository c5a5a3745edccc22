"""An installation on each database, for tests of what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from identity import Installation, installation
from sallyport.store.database import Database


@pytest.fixture
def stored_anywhere(database: Database, tmp_path: Path) -> Iterator[Installation]:
    """An installation whose clock stands still, on SQLite and on PostgreSQL."""
    with installation(tmp_path, database) as made:
        yield made
