"""Inserts that meet a row which is there already, said once for both databases."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

#: Values in one statement: SQLite takes 32,766, but longer statements gain nothing.
_PARAMETERS = 2_000


def insert(connection: Connection, table: sa.Table) -> Any:
    """Answer the dialect's own insert, which knows `ON CONFLICT`."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def ignoring(connection: Connection, table: sa.Table) -> Any:
    """Answer an insert that leaves a row which is there already as it is."""
    return insert(connection, table).on_conflict_do_nothing()


def insert_many(
    connection: Connection,
    table: sa.Table,
    rows: Sequence[tuple[Any, ...]],
    columns: tuple[str, ...] = (),
    *,
    conflict: str = "",
) -> None:
    """Insert any number of rows, given as what the driver takes for the columns in order, or for some of them.

    `conflict` is what follows the values, as SQL.

    SQLite takes many rows in one statement: every statement is a time at which a thread that computes may take the
    interpreter, and keep it for milliseconds.
    """
    names = columns or tuple(table.columns.keys())
    if connection.dialect.name == "postgresql":
        if rows:
            connection.exec_driver_sql(_many(table.name, names, "%s", 1) + conflict, list(rows))
        return
    most = _PARAMETERS // len(names)
    for start in range(0, len(rows), most):
        portion = rows[start : start + most]
        values = tuple(itertools.chain.from_iterable(portion))
        connection.exec_driver_sql(_many(table.name, names, "?", len(portion)) + conflict, values)


@lru_cache(maxsize=256)
def _many(table: str, names: tuple[str, ...], mark: str, count: int) -> str:
    row = f"({', '.join([mark] * len(names))})"
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES {', '.join([row] * count)}"  # noqa: S608 - names of ours


def replacing(connection: Connection, table: sa.Table, key: Sequence[str]) -> Any:
    """Answer an insert that gives a row with the same key the new values."""
    statement = insert(connection, table)
    changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in key}
    return statement.on_conflict_do_update(index_elements=list(key), set_=changed)
