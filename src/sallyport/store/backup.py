"""A copy of the database as it was at one moment, made while others go on writing, and its way back.

The rule: no program of the database's own is needed. SQLite writes the copy itself (`VACUUM INTO`); PostgreSQL gives
each table in its own text form (`COPY`), all of them out of one snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.util import CommandError
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from sallyport import errors
from sallyport.store import migrations
from sallyport.store.database import Database, sqlite_url

SQLITE_FILE = "sallyport.db"
TABLES = "tables"
_PIECE_BYTES = 1024 * 1024


class NotEmpty(errors.Conflict):
    """Raised when a backup is to be restored into a database that holds something already."""

    def __init__(self, tables: int) -> None:
        super().__init__(f"The database holds {tables} tables already; restore into an empty one.")
        self.tables = tables


class Unsuitable(errors.BadRequest):
    """Raised when a backup does not fit the database that it is to be restored into."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What is known of a copied database beside its files."""

    dialect: str
    #: The revision of the tables.
    revision: str
    #: How many rows each table has.
    rows: Mapping[str, int]
    #: The columns of each table, in the order of the files, and the last number that each drew; PostgreSQL's alone.
    columns: Mapping[str, list[str]] = field(default_factory=dict)
    sequences: Mapping[str, int] = field(default_factory=dict)


def copied(database: Database, folder: Path) -> Copy:
    """Write the database as it is now into an empty folder."""
    return _copied_sqlite(database, folder) if database.dialect == "sqlite" else _copied_postgresql(database, folder)


def restored(database: Database, folder: Path, copy: Copy) -> None:
    """Bring a copy back, and its tables up to this version.

    Raises NotEmpty, Unsuitable, TablesOfLaterVersion, and StorageUnavailable when the copy is damaged.
    """
    migrations.check_known(copy.revision)
    if database.dialect != copy.dialect:
        raise Unsuitable(
            f"The backup is of {copy.dialect}, and the settings name {database.dialect}: "
            "restore it where SALLYPORT_DATABASE_URL is the same kind of database."
        )
    if database.dialect == "postgresql":
        _fill_postgresql(database, folder, copy)
    else:
        database.read_now(_check_sqlite)
    try:
        migrations.upgrade(database)
    except (CommandError, SQLAlchemyError) as error:
        raise Unsuitable(f"The tables of the backup cannot be brought up to this version: {error}.") from error


def _copied_sqlite(database: Database, folder: Path) -> Copy:
    target = folder / SQLITE_FILE

    def vacuum(connection: Connection) -> None:
        # It may not stand inside a transaction; the driver begins none by itself.
        raw: Any = connection.connection.driver_connection
        raw.execute("VACUUM INTO ?", (str(target),)).close()

    database.outside_now(vacuum)
    copy = Database(sqlite_url(target))
    try:
        found = copy.read_now(_facts)
    finally:
        copy.close()
    return found


def _facts(connection: Connection) -> Copy:
    return Copy(connection.dialect.name, _revision(connection), _rows(connection, _names(connection)))


def _copied_postgresql(database: Database, folder: Path) -> Copy:
    (folder / TABLES).mkdir()

    def dump(connection: Connection) -> Copy:
        names = _names(connection)
        columns = {name: [each["name"] for each in sa.inspect(connection).get_columns(name)] for name in names}
        raw: Any = connection.connection.driver_connection
        for name in names:
            with (
                raw.cursor() as cursor,
                (folder / TABLES / f"{name}.copy").open("wb") as file,
                cursor.copy(f"COPY {_quoted(name, columns[name])} TO STDOUT") as rows,
            ):
                for piece in rows:
                    file.write(piece)
        return Copy("postgresql", _revision(connection), _rows(connection, names), columns, _drawn(connection, names))

    return database.read_now(dump)


def _fill_postgresql(database: Database, folder: Path, copy: Copy) -> None:
    there = database.read_now(lambda connection: len(sa.inspect(connection).get_table_names()))
    if there:
        raise NotEmpty(there)

    def fill(connection: Connection) -> None:
        migrations.upgrade_on(connection, copy.revision)
        raw: Any = connection.connection.driver_connection
        for name in _names(connection):
            if name not in copy.columns:
                raise Unsuitable(f"The backup lacks the table '{name}'.")
            with raw.cursor() as cursor, (folder / TABLES / f"{name}.copy").open("rb") as file:
                # What a migration puts into a new table is in the backup as well.
                connection.execute(sa.delete(sa.table(name)))
                with cursor.copy(f"COPY {_quoted(name, copy.columns[name])} FROM STDIN") as rows:
                    while piece := file.read(_PIECE_BYTES):
                        rows.write(piece)
        for name, last in copy.sequences.items():
            connection.execute(sa.select(sa.func.setval(_owned(connection, name), last)))

    database.write_now(fill)


def _check_sqlite(connection: Connection) -> None:
    found = connection.exec_driver_sql("PRAGMA quick_check").scalar()
    if found != "ok":
        raise errors.StorageUnavailable(f"The database in the backup is damaged: {found}.")


def _names(connection: Connection) -> list[str]:
    """Answer the tables, those that others refer to first."""
    found = sa.MetaData()
    found.reflect(connection)
    return [str(table.name) for table in found.sorted_tables if table.name != migrations.VERSIONS]


def _rows(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    return {
        name: int(connection.execute(sa.select(sa.func.count()).select_from(sa.table(name))).scalar_one())
        for name in names
    }


def _revision(connection: Connection) -> str:
    return str(migrations.revision_on(connection))


def _drawn(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Answer the last number that each table drew, so that none is drawn again."""
    found = {}
    for name in names:
        owned = _owned(connection, name)
        if owned is not None:
            last, called = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {owned}").one()  # noqa: S608 - the database's own name
            if called:
                found[name] = int(last)
    return found


def _owned(connection: Connection, table: str) -> str | None:
    """Answer what a table draws its numbers from, None when it draws none."""
    key = sa.inspect(connection).get_pk_constraint(table)["constrained_columns"]
    found = (connection.scalar(sa.select(sa.func.pg_get_serial_sequence(_name(table), name))) for name in key)
    return next((each for each in found if each is not None), None)


def _name(table: str) -> str:
    return '"' + table.replace('"', '""') + '"'


def _quoted(table: str, columns: Iterable[str]) -> str:
    return f"{_name(table)} ({', '.join(_name(each) for each in columns)})"
