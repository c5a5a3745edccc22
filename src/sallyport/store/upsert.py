"""Inserts that meet a row which is there already, said once for both databases."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
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


@lru_cache
def written_out(dialect: str, table: sa.Table) -> str:
    """Answer an insert of every column in order, as text for `exec_driver_sql`: what is on the path of every run.

    Written out, it costs a third of a composed one; the values must be what the driver takes.
    """
    names = [column.name for column in table.columns]
    marks = ", ".join(["%s" if dialect == "postgresql" else "?"] * len(names))
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - names of ours


def replacing(connection: Connection, table: sa.Table, key: Sequence[str]) -> Any:
    """Answer an insert that gives a row with the same key the new values."""
    statement = insert(connection, table)
    changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in key}
    return statement.on_conflict_do_update(index_elements=list(key), set_=changed)
