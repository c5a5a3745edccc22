"""Inserts that meet a row which is there already, said once for both databases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection


def insert(connection: Connection, table: sa.Table) -> Any:
    """Answer the dialect's own insert, which knows `ON CONFLICT`."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def ignoring(connection: Connection, table: sa.Table) -> Any:
    """Answer an insert that leaves a row which is there already as it is."""
    return insert(connection, table).on_conflict_do_nothing()


def replacing(connection: Connection, table: sa.Table, key: Sequence[str]) -> Any:
    """Answer an insert that gives a row with the same key the new values."""
    statement = insert(connection, table)
    changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in key}
    return statement.on_conflict_do_update(index_elements=list(key), set_=changed)
