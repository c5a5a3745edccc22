"""An installation on each database, for tests of what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import databases
from identity import Installation, installation


@pytest.fixture(scope="session")
def postgresql_identity(postgresql_url: str) -> Iterator[str]:
    with databases.postgresql_database(postgresql_url) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def stored_anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """An installation whose clock stands still, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        with installation(tmp_path) as made:
            yield made
    else:
        with (
            databases.emptied(request.getfixturevalue("postgresql_identity")) as opened,
            installation(tmp_path, opened) as made,
        ):
            yield made
