"""Inserts that meet a row which is there already, said once for both databases."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

#: Values in one statement: SQLite takes 32,766, PostgreSQL twice as many.
_PARAMETERS = 32_000
#: Up to so many rows are written by a statement for their number; more by as many as the next power of two below.
_FEW = 16


def insert(connection: Connection, table: sa.Table) -> Any:
    """Answer the dialect's own insert, which knows `ON CONFLICT`."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def ignoring(connection: Connection, table: sa.Table) -> Any:
    """Answer an insert that leaves a row which is there already as it is."""
    return insert(connection, table).on_conflict_do_nothing()


def added(connection: Connection, table: sa.Table, row: Mapping[str, Any]) -> bool:
    """Insert a row, and answer whether it was not there before.

    The row itself tells so: the driver of PostgreSQL does not say how many rows an insert has added.
    """
    statement = ignoring(connection, table).returning(*table.primary_key.columns)
    return connection.execute(statement, row).one_or_none() is not None


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

    Many rows go in one statement: on PostgreSQL each costs a message, and on SQLite it is a time at which a thread that
    computes may take the interpreter, and keep it for a while.
    """
    names = columns or tuple(table.columns.keys())
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    if conflict and rows and mark == "%s":
        # One statement of PostgreSQL may meet a row only once.
        connection.exec_driver_sql(_many(table.name, names, mark, 1) + conflict, list(rows))
        return
    start = 0
    for count in _portions(len(rows), _PARAMETERS // len(names)):
        values = tuple(itertools.chain.from_iterable(rows[start : start + count]))
        connection.exec_driver_sql(_many(table.name, names, mark, count) + conflict, values)
        start += count


def update_many(
    connection: Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]], columns: tuple[str, ...], key: str
) -> None:
    """Give rows new values, given as what the driver takes for some columns in order, and the row's key behind them."""
    if rows:
        mark = "%s" if connection.dialect.name == "postgresql" else "?"
        changed = ", ".join(f"{name} = {mark}" for name in columns)
        connection.exec_driver_sql(f"UPDATE {table.name} SET {changed} WHERE {key} = {mark}", list(rows))  # noqa: S608


def _portions(count: int, most: int) -> Iterator[int]:
    """Answer how many rows each statement writes: of few sizes, because the driver keeps each compiled."""
    while count > _FEW:
        portion = 1 << (min(count, most).bit_length() - 1)
        yield portion
        count -= portion
    if count:
        yield count


@lru_cache(maxsize=256)
def _many(table: str, names: tuple[str, ...], mark: str, count: int) -> str:
    row = f"({', '.join([mark] * len(names))})"
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES {', '.join([row] * count)}"  # noqa: S608 - names of ours


def replacing(connection: Connection, table: sa.Table, key: Sequence[str]) -> Any:
    """Answer an insert that gives a row with the same key the new values."""
    statement = insert(connection, table)
    changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in key}
    return statement.on_conflict_do_update(index_elements=list(key), set_=changed)
