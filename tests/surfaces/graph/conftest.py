"""The surface on both databases."""

from __future__ import annotations

import pytest

from graph_surface import Surface
from sallyport.store.database import Database


@pytest.fixture
def surface(database: Database) -> Surface:
    """The surface on an empty store."""
    return Surface(database)
