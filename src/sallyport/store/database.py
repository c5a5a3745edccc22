"""One database, SQLite or PostgreSQL, with one writer that gathers what everybody wants to write into one transaction.

The rule: `write` answers only after the commit, so whoever awaits it may acknowledge. Work handed to `write` may be run
twice (a neighbour in the same transaction may fail and force a replay), so it must do nothing but SQL.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from sallyport import errors
from sallyport.settings import InvalidSetting
from sallyport.store import documents, failures

T = TypeVar("T")
Work = Callable[[Connection], T]

#: How many pieces of work share a transaction at the most.
_GATHERED = 256
_READERS = 4
#: How many queries of callers are answered at the same time, beside those.
_QUERIES = 4
#: How often a transaction that met another one is begun again.
_COLLISIONS = 3
#: A PostgreSQL server that is gone without a word is noticed within seconds, however the network treats it.
_PATIENCE: Mapping[str, int] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    # Keepalives are for a connection that waits: one that has sent something would wait a quarter of an hour.
    "tcp_user_timeout": 15_000,
}
#: So many steps of SQLite pass between two looks at the clock: some milliseconds.
_STEPS = 100_000


@dataclass(slots=True)
class _Request:
    """One caller's work, and where its result goes."""

    work: Work[Any]
    done: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: BaseException | None = None


class Database:
    """A database that is open; `read` and `write` run work in threads of its own."""

    def __init__(self, url: str, read_seconds: int | None = None) -> None:
        """Open it; a read that takes longer than `read_seconds` is broken off."""
        self.url = url
        self.engine = _engine(url, read_seconds)
        self._read_seconds = read_seconds
        self.dialect: str = self.engine.dialect.name
        # PostgreSQL would let each statement of a read see what was committed since the one before.
        snapshots = {"isolation_level": "REPEATABLE READ"} if self.dialect == "postgresql" else {}
        self._reading = self.engine.execution_options(**snapshots)
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._writing: Connection | None = None
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="sallyport-read")
        self._queries = ThreadPoolExecutor(_QUERIES, thread_name_prefix="sallyport-query")
        #: How often the writer has committed, and how often it could not.
        self.commits = 0
        self.failures = 0
        #: How often there was no room; and whether what room there is is kept for whoever deletes.
        self.fulls = 0
        self.held_back = False
        self._writer = threading.Thread(target=self._write_forever, name="sallyport-write", daemon=True)
        self._writer.start()

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database, None for any other."""
        named = self.engine.url.database
        return Path(named) if self.dialect == "sqlite" and named else None

    @property
    def waiting(self) -> int:
        """Answer how many pieces of work wait for the writer."""
        return self._requests.qsize()

    async def read(self, work: Work[T]) -> T:
        """Run work against one consistent snapshot and answer its result."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, work)

    async def query(self, work: Work[T]) -> T:
        """Do the same as `read`, for what a caller has chosen to look through, and what may take as long as it is let.

        It waits for other queries, and no other read waits for it: runs go on, whatever somebody asks.
        """
        return await asyncio.get_running_loop().run_in_executor(self._queries, self.read_now, work)

    async def write(self, work: Work[T], *, reserved: bool = False) -> T:
        """Run work in a transaction, shared with whatever else is waiting, and answer its result after the commit.

        Raises whatever the work raises (its own changes are undone, its neighbours' are kept), `StorageFull` when there
        is no room, and `StorageUnavailable` when the database cannot be reached. `reserved` work is done although what
        room is left is held back.
        """
        if self.held_back and not reserved:
            raise errors.StorageFull(failures.NO_ROOM)
        return await self.begin_write(work)

    def begin_write(self, work: Work[T]) -> asyncio.Future[T]:
        """Hand work to the writer at once, and answer what `write` waits for.

        Whoever has more to prepare does it meanwhile; what was handed over first is written first.
        """
        loop = asyncio.get_running_loop()
        request = _Request(work, loop.create_future(), loop)
        self._requests.put(request)
        return request.done

    def read_now(self, work: Work[T]) -> T:
        """Run work against one consistent snapshot in the calling thread."""
        try:
            with self._reading.connect() as connection, _bounded(connection, self._read_seconds):
                return work(connection)
        except DBAPIError as error:
            raise failures.translated(error) from error

    def write_now(self, work: Work[T]) -> T:
        """Run work in a transaction of its own in the calling thread: for start-up and commands."""
        try:
            with self.engine.connect() as connection:
                _begin_write(connection)
                with connection.begin():
                    return work(connection)
        except DBAPIError as error:
            raise failures.translated(error) from error

    def outside_now(self, work: Work[T]) -> T:
        """Run work outside of any transaction in the calling thread: for what the database does with itself whole."""
        try:
            with self.engine.connect() as connection:
                return work(connection)
        except DBAPIError as error:
            raise failures.translated(error) from error
        except sqlite3.Error as error:
            raise failures.translated(sa.exc.OperationalError("", None, error)) from error

    def close(self) -> None:
        """Finish what is waiting to be written, then let go of every connection."""
        self._requests.put(None)
        self._writer.join()
        if self._writing is not None:
            self._writing.close()
        self._readers.shutdown()
        self._queries.shutdown()
        self.engine.dispose()

    def _write_forever(self) -> None:
        while True:
            first = self._requests.get()
            if first is None:
                return
            batch = [first]
            stopping = False
            while len(batch) < _GATHERED:
                try:
                    request = self._requests.get_nowait()
                except queue.Empty:
                    break
                if request is None:
                    stopping = True
                    break
                batch.append(request)
            self._commit(batch)
            _resolve(batch)
            if stopping:
                return

    def _commit(self, batch: list[_Request]) -> None:
        """Run a batch in one transaction; when one of several fails, run each again in a savepoint of its own.

        A transaction that PostgreSQL broke off, because another process' and this one waited for each other, is begun
        again.
        """
        error = self._tried(batch)
        for _ in range(_COLLISIONS):
            if error is None or not failures.collided(error):
                break
            error = self._tried(batch)
        if error is None:
            return
        if len(batch) == 1:
            self.failures += 1
            batch[0].error = self._told(error)
        else:
            self._commit_apart(batch)

    def _tried(self, batch: list[_Request]) -> Exception | None:
        """Answer why a batch could not be committed in one transaction; None when it was."""
        try:
            connection = self._held()
            with connection.begin():
                for request in batch:
                    request.result = request.work(connection)
            self.commits += 1
        except Exception as error:  # noqa: BLE001 - every failure is handed to the caller whose work it was
            if isinstance(error, DBAPIError):
                self._let_go()
            return error
        return None

    def _held(self) -> Connection:
        """Answer the writer's own connection, which it keeps: taking one for each commit costs more than the commit."""
        if self._writing is None:
            self._writing = self.engine.connect()
            _begin_write(self._writing)
        return self._writing

    def _let_go(self) -> None:
        """Give the connection back after a failure; whatever was wrong with it, the next one is new."""
        connection, self._writing = self._writing, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _told(self, error: BaseException) -> BaseException:
        """Answer what the callers are told of a transaction that failed, counting those without room."""
        told = failures.translated(error)
        self.fulls += isinstance(told, errors.StorageFull)
        return told

    def _commit_apart(self, batch: list[_Request]) -> None:
        try:
            with self.engine.connect() as connection:
                _begin_write(connection)
                with connection.begin():
                    for request in batch:
                        _run_in_savepoint(connection, request)
            self.commits += 1
        except Exception as error:  # noqa: BLE001 - the commit failed for all of them
            self.failures += 1
            told = self._told(error)
            for request in batch:
                request.error = request.error or told


def _run_in_savepoint(connection: Connection, request: _Request) -> None:
    try:
        with connection.begin_nested():
            request.result = request.work(connection)
    except Exception as error:
        if failures.ends_transaction(error):
            raise
        request.error = failures.translated(error)


def _resolve(batch: list[_Request]) -> None:
    """Tell every caller, one hop into each event loop for the whole batch."""
    loops: dict[asyncio.AbstractEventLoop, list[_Request]] = {}
    for request in batch:
        loops.setdefault(request.loop, []).append(request)
    for loop, requests in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, requests)


def _settle(requests: list[_Request]) -> None:
    for request in requests:
        if request.done.cancelled():
            continue
        if request.error is not None:
            request.done.set_exception(request.error)
        else:
            request.done.set_result(request.result)


@contextmanager
def _bounded(connection: Connection, seconds: int | None) -> Iterator[None]:
    """Let SQLite look now and then whether a read has taken too long; PostgreSQL looks by itself."""
    driver = connection.connection.driver_connection
    if seconds is None or not isinstance(driver, sqlite3.Connection):
        yield
        return
    ends = time.monotonic() + seconds
    driver.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


def _engine(url: str, read_seconds: int | None) -> Engine:
    # What is stored stands in no error, and so in no log.
    told = {"json_serializer": documents.text, "json_deserializer": documents.loads, "hide_parameters": True}
    if url.startswith("sqlite"):
        engine = sa.create_engine(url, connect_args={"check_same_thread": False, "timeout": 30}, **told)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return _postgresql(url, told, read_seconds)


def _postgresql(url: str, told: Mapping[str, Any], read_seconds: int | None) -> Engine:
    try:
        named = sa.make_url(url)
    except (ValueError, sa.exc.ArgumentError) as wrong:
        allowed = "it must be like postgresql+psycopg://USER:PASSWORD@HOST:PORT/NAME, with a number as its port"
        raise InvalidSetting("database_url", "the address cannot be read", allowed) from wrong
    if named.drivername == "postgresql":
        named = named.set(drivername="postgresql+psycopg")
    # What the address names itself is as whoever wrote it wants it.
    options: dict[str, Any] = {name: value for name, value in _PATIENCE.items() if name not in named.query}
    if read_seconds is not None:
        given = named.query.get("options", "")
        settings = given if isinstance(given, str) else " ".join(given)
        options["options"] = f"{settings} -c statement_timeout={read_seconds * 1000}".lstrip()
    try:
        engine = sa.create_engine(
            named, pool_size=_READERS + 2, max_overflow=_QUERIES + 4, pool_pre_ping=True, connect_args=options, **told
        )
    except ImportError as missing:
        # Also when the package is there, and the library that it needs is not.
        raise errors.ExtraMissing("database_url", missing.name or "psycopg", "postgresql") from missing
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def sqlite_url(path: Path) -> str:
    """Answer the address of a SQLite database file."""
    return f"sqlite:///{path}"


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # SQLAlchemy decides when a transaction begins (see _begin_sqlite); the driver must not.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-40000",
        # 64 MB: what is written again and again before that, such as the ends of indexes, is copied only once.
        "wal_autocheckpoint=16000",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: upgrading a read transaction can fail, waiting for the lock cannot.
    writes = connection.get_execution_options().get("sallyport_writes", False)
    # The driver is asked directly: this is on the path of every commit, and answers nothing.
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    statement = "BEGIN IMMEDIATE" if writes else "BEGIN"
    try:
        driver.execute(statement).close()
    except sqlite3.Error as error:
        raise OperationalError(statement, None, error) from error


def _begin_postgresql(connection: Connection) -> None:
    # What is written takes as long as it takes: only reads are bounded.
    if connection.get_execution_options().get("sallyport_writes", False):
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")


def _begin_write(connection: Connection) -> None:
    connection.execution_options(sallyport_writes=True)
