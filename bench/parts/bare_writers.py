"""What a database itself can do with the rows that the server stored, and how it reaches what a query asks for."""

from __future__ import annotations

import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection

from sallyport.graph.ingest import BATCH
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.query import parse_query
from sallyport.store import alert_table, alerts
from sallyport.store.database import Database, sqlite_url

_DOCUMENT = list(alert_table.alerts.columns.keys()).index("document")


class Bare(ABC):
    """Two bare writers beside a server's database: one into the same table, one into a table of id and JSON alone."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._seen = 0
        self._rows: list[tuple[Any, ...]] = []

    def write(self) -> float:
        """Write what the server stored since the last time, and answer the seconds that it took."""
        self._rows = self._database.read_now(self._new)
        self._seen += len(self._rows)
        return self._written("bare_alerts", self._rows)

    def write_plain(self) -> float:
        """Write the same rows with id and JSON alone."""
        return self._written("plain_alerts", [(row[1], row[_DOCUMENT]) for row in self._rows])

    def scans(self, address: str) -> bool:
        """Answer whether a query reads the whole table or sorts more than keys propose."""
        query = parse_query(urlsplit(address).query, ALERT, default_orderby="createdDateTime desc")
        return self._database.read_now(lambda connection: self._scans(_plan(connection, query)))

    def _new(self, connection: Connection) -> list[tuple[Any, ...]]:
        columns = ", ".join(self._column(column) for column in alert_table.alerts.columns)
        rows = connection.exec_driver_sql(
            f"SELECT {columns} FROM alerts WHERE sequence > {self._seen} ORDER BY sequence"
        )
        return [tuple(row) for row in rows]

    def _written(self, table: str, rows: list[tuple[Any, ...]]) -> float:
        start = perf_counter()
        for first in range(0, len(rows), BATCH):
            self._insert(table, rows[first : first + BATCH])
        return perf_counter() - start

    @abstractmethod
    def _insert(self, table: str, rows: list[tuple[Any, ...]]) -> None: ...

    @abstractmethod
    def _column(self, column: sa.Column[Any]) -> str: ...

    @abstractmethod
    def _scans(self, plan: list[str]) -> bool: ...


class SqliteBare(Bare):
    """SQLite in files of their own beside the server's, made like it: WAL, synchronous=FULL, the same cache."""

    def __init__(self, folder: Path) -> None:
        super().__init__(sqlite_url(folder / "sallyport.db"))
        made = self._database.read_now(
            lambda connection: (
                connection.exec_driver_sql(
                    "SELECT sql FROM sqlite_master WHERE tbl_name = 'alerts' AND sql IS NOT NULL ORDER BY type DESC"
                )
                .scalars()
                .all()
            )
        )
        self._files = {
            "bare_alerts": self._opened(
                folder / "bare.db", [re.sub(r"\balerts\b", "bare_alerts", each) for each in made]
            ),
            "plain_alerts": self._opened(
                folder / "plain.db", ["CREATE TABLE plain_alerts (id TEXT PRIMARY KEY, document TEXT) WITHOUT ROWID"]
            ),
        }

    def _insert(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        connection = self._files[table]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        connection.execute("COMMIT")

    def _opened(self, path: Path, statements: list[str]) -> sqlite3.Connection:
        """Open a file as the server opens its own, and make a table in it."""
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        for name in ("synchronous", "cache_size", "wal_autocheckpoint", "temp_store"):
            connection.execute(f"PRAGMA {name}={self._database.read_now(partial(_pragma, name))}")
        for statement in statements:
            connection.execute(statement)
        return connection

    def _column(self, column: sa.Column[Any]) -> str:
        return column.name

    def _scans(self, plan: list[str]) -> bool:
        # Following an index in the order that is asked for is what a page without a filter is.
        return any(re.match(r"SCAN alerts(?! USING COVERING INDEX ix_alerts_created_at)", step) for step in plan)


class PostgresqlBare(Bare):
    """PostgreSQL in tables of their own in the server's database, made like its table."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._engine = sa.create_engine(url)
        self._connection: Any = self._engine.raw_connection()
        cursor = self._connection.cursor()
        cursor.execute("CREATE TABLE bare_alerts (LIKE alerts INCLUDING ALL)")
        cursor.execute("CREATE TABLE plain_alerts (id text PRIMARY KEY, document jsonb)")
        self._connection.commit()

    def _insert(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        cursor = self._connection.cursor()
        cursor.executemany(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(rows[0]))})", rows)
        self._connection.commit()

    def _column(self, column: sa.Column[Any]) -> str:
        return f"{column.name}::text" if column.name.endswith("document") else column.name

    def _scans(self, plan: list[str]) -> bool:
        return any("Seq Scan on alerts" in step for step in plan)


def _pragma(name: str, connection: Connection) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def _plan(connection: Connection, query: Any) -> list[str]:
    """Answer the plan of the last statement that a page makes."""
    statements: list[tuple[str, Any]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", remember)
    alerts.page(connection, query)
    event.remove(connection, "before_cursor_execute", remember)
    statement, parameters = statements[-1]
    explain: dict[str, tuple[str, Callable[[Any], str]]] = {
        "sqlite": ("EXPLAIN QUERY PLAN", lambda row: str(row[3])),
        "postgresql": ("EXPLAIN", lambda row: str(row[0])),
    }
    word, read = explain[connection.dialect.name]
    return [read(row) for row in connection.exec_driver_sql(f"{word} {statement}", parameters)]
