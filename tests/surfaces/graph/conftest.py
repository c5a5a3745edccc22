"""The surface on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import databases
from graph_surface import Surface
from sallyport.store.database import Database


@pytest.fixture(scope="session")
def postgresql_store(postgresql_url: str) -> Iterator[str]:
    """A database on the tests' own server, with every table."""
    with databases.postgresql_database(postgresql_url) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A store that is empty."""
    if request.param == "sqlite":
        with databases.sqlite(tmp_path) as opened:
            yield opened
    else:
        with databases.emptied(request.getfixturevalue("postgresql_store")) as opened:
            yield opened


@pytest.fixture
def surface(database: Database) -> Surface:
    """The surface on an empty store."""
    return Surface(database)
