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
from sallyport.store import alert_table, alerts, observables
from sallyport.store.database import Database, sqlite_url

Rows = list[tuple[Any, ...]]
_DOCUMENT, _CREATED = (list(alert_table.alerts.columns.keys()).index(name) for name in ("document", "created_at"))


class Bare(ABC):
    """Bare writers beside a server's database, each with rows that are ready and in batches of the server's size.

    One writes into the same table with the same indexes, one all that the server stores of an alert (its keys and its
    event beside it), one into a table of id and JSON alone.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._seen = 0
        self._rows: list[tuple[Any, ...]] = []
        self._keys: list[tuple[Any, ...]] = []

    def write(self) -> float:
        """Write what the server stored since the last time, and answer the seconds that it took."""
        self._rows, self._keys = self._database.read_now(self._new)
        self._seen += len(self._rows)
        return self._written(lambda batch: {"bare_alerts": batch})

    def write_all(self) -> float:
        """Write the same rows, and with them the keys and the events."""
        keys: dict[int, list[tuple[Any, ...]]] = {}
        for each in self._keys:
            keys.setdefault(each[-1], []).append(each)

        def tables(batch: Rows) -> dict[str, Rows]:
            events = [(row[0], "alert", row[1], "created", row[_CREATED]) for row in batch]
            return {
                "all_alerts": batch,
                "all_keys": sorted(each for row in batch for each in keys.get(row[0], ())),
                "all_events": events,
            }

        return self._written(tables)

    def write_plain(self) -> float:
        """Write the same rows with id and JSON alone."""
        return self._written(lambda batch: {"plain_alerts": [(row[1], row[_DOCUMENT]) for row in batch]})

    def scans(self, address: str) -> bool:
        """Answer whether a query reads the whole table or sorts more than keys propose."""
        query = parse_query(urlsplit(address).query, ALERT, default_orderby="createdDateTime desc")
        return self._database.read_now(lambda connection: self._scans(_plan(connection, query)))

    def _new(self, connection: Connection) -> tuple[Rows, Rows]:
        columns = ", ".join(self._column(column) for column in alert_table.alerts.columns)
        rows = connection.exec_driver_sql(
            f"SELECT {columns} FROM alerts WHERE sequence > {self._seen} ORDER BY sequence"
        )
        keys = connection.exec_driver_sql(
            "SELECT bucket, key, sequence FROM alert_observables"
            f" WHERE bucket >= {self._seen >> observables.BUCKET_BITS if self._database.dialect == 'sqlite' else 0}"
            f" AND sequence > {self._seen}"
        )
        return [tuple(row) for row in rows], [tuple(row) for row in keys]

    def _written(self, tables: Callable[[Rows], dict[str, Rows]]) -> float:
        batches = [tables(self._rows[first : first + BATCH]) for first in range(0, len(self._rows), BATCH)]
        start = perf_counter()
        for each in batches:
            self._insert(each)
        return perf_counter() - start

    @abstractmethod
    def _insert(self, batch: dict[str, Rows]) -> None:
        """Write rows by the names of their tables, in one transaction."""

    @abstractmethod
    def _column(self, column: sa.Column[Any]) -> str: ...

    @abstractmethod
    def _scans(self, plan: list[str]) -> bool: ...


class SqliteBare(Bare):
    """SQLite in files of their own beside the server's, made like it: WAL, synchronous=FULL, the same cache."""

    def __init__(self, folder: Path) -> None:
        super().__init__(sqlite_url(folder / "sallyport.db"))
        table, keys, events = (
            self._database.read_now(partial(_made, name)) for name in ("alerts", "alert_observables", "outbox")
        )
        every = _named(table, "all_alerts") + _named(keys, "all_keys") + _named(events, "all_events")
        plain = ["CREATE TABLE plain_alerts (id TEXT PRIMARY KEY, document TEXT) WITHOUT ROWID"]
        self._files = {
            "bare": self._opened(folder / "bare.db", _named(table, "bare_alerts")),
            "all": self._opened(folder / "all.db", every),
            "plain": self._opened(folder / "plain.db", plain),
        }

    def _insert(self, batch: dict[str, Rows]) -> None:
        connection = self._files[next(iter(batch)).partition("_")[0]]
        connection.execute("BEGIN IMMEDIATE")
        for table, rows in batch.items():
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
        for name, like in (("all_alerts", "alerts"), ("all_keys", "alert_observables"), ("all_events", "outbox")):
            cursor.execute(f"CREATE TABLE {name} (LIKE {like} INCLUDING ALL)")
        cursor.execute("CREATE TABLE plain_alerts (id text PRIMARY KEY, document jsonb)")
        self._connection.commit()

    def _insert(self, batch: dict[str, Rows]) -> None:
        cursor = self._connection.cursor()
        for table, rows in batch.items():
            cursor.executemany(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(rows[0]))})", rows)
        self._connection.commit()

    def _column(self, column: sa.Column[Any]) -> str:
        return f"{column.name}::text" if column.name.endswith("document") else column.name

    def _scans(self, plan: list[str]) -> bool:
        return any("Seq Scan on alerts" in step for step in plan)


def _made(name: str, connection: Connection) -> list[str]:
    """Answer what makes a table and its indexes."""
    asked = "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY type DESC"
    return list(connection.exec_driver_sql(asked, (name,)).scalars())


def _named(statements: list[str], name: str) -> list[str]:
    """Answer what makes the same under another name."""
    own = re.match(r"CREATE TABLE (\w+)", statements[0])
    assert own is not None
    return [re.sub(rf"\b{own[1]}\b", name, each) for each in statements]


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
