"""What every test may ask for."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

import databases
import postgresql
from sallyport.store.database import Database

settings.register_profile("house", max_examples=50, deadline=None)
settings.load_profile("house")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a PostgreSQL server where there is none; fail it where continuous integration runs."""
    if item.get_closest_marker("postgresql") and postgresql.programs() is None:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail("this test needs a PostgreSQL server program, and CI must have one", pytrace=False)
        pytest.skip("no PostgreSQL server program on this machine (apt-get install postgresql)")


@pytest.fixture(autouse=True)
def _log_of_its_own() -> None:
    """Let no test's choice of what is logged decide what another one sees: a command chooses for its whole process."""
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The SQLAlchemy URL of a fresh server; its socket lies in a short path, as the system demands."""
    with (
        tempfile.TemporaryDirectory(prefix="sallyport-pg-", dir="/tmp") as folder,
        postgresql.server(Path(folder)) as url,
    ):
        yield url


@pytest.fixture(scope="session")
def postgresql_store(postgresql_url: str) -> Iterator[str]:
    """The URL of a database with every table; whoever opens it empties it first."""
    with databases.postgresql_database(postgresql_url) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty store, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        with databases.sqlite(tmp_path) as opened:
            yield opened
    else:
        with databases.emptied(request.getfixturevalue("postgresql_store")) as opened:
            yield opened
