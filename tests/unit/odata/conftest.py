"""The databases that every question is put to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

import odata_databases


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A real SQLite database in memory, and a real PostgreSQL server where there is one."""
    url = "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    engine = odata_databases.engine(url)
    yield engine
    engine.dispose()
