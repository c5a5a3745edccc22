"""The database: one writer, whose callers do not suffer for one another, and a disk that may be full."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

import databases
from sallyport.errors import ReadTimedOut, StorageFull, StorageUnavailable
from sallyport.settings import InvalidSetting
from sallyport.store import probe, schema
from sallyport.store.database import Database, sqlite_url

metadata = sa.MetaData()
lines = sa.Table("lines", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        opened = Database(sqlite_url(tmp_path / "lines.db"))
        opened.write_now(metadata.create_all)
        yield opened
        opened.close()
        return
    with databases.postgresql_database(request.getfixturevalue("postgresql_url")) as url:
        opened = Database(url)
        opened.write_now(metadata.create_all)
        yield opened
        opened.close()


def _insert(connection: Connection, number: int, text: str = "x") -> int:
    connection.execute(sa.insert(lines), {"id": number, "text": text})
    return number


def _ids(connection: Connection) -> list[int]:
    return list(connection.execute(sa.select(lines.c.id).order_by(lines.c.id)).scalars())


@contextmanager
def _held_up(database: Database) -> Iterator[None]:
    """Keep the writer busy, so that what is asked for meanwhile shares a transaction."""
    goes_on = threading.Event()
    waiting = asyncio.ensure_future(database.write(lambda _: goes_on.wait(5)))
    try:
        yield
    finally:
        goes_on.set()
        del waiting


async def test_a_write_is_committed_when_it_answers(database: Database) -> None:
    assert await database.write(lambda connection: _insert(connection, 1)) == 1
    other = Database(database.url)
    try:
        assert other.read_now(_ids) == [1]
    finally:
        other.close()


async def test_a_neighbour_that_fails_hurts_nobody_else(database: Database) -> None:
    def fails(connection: Connection) -> int:
        _insert(connection, 100)
        raise ValueError("mine alone")

    with _held_up(database):
        await asyncio.sleep(0.05)
        works = [database.write(lambda c, n=n: _insert(c, n)) for n in range(5)]  # type: ignore[misc]
        works.insert(2, database.write(fails))
        works.insert(4, database.write(lambda connection: _insert(connection, 0)))
        tasks = [asyncio.ensure_future(work) for work in works]
        await asyncio.sleep(0.05)
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [each for each in found if isinstance(each, int)] == [0, 1, 2, 3, 4]
    assert [type(each) for each in found if not isinstance(each, int)] == [ValueError, sa.exc.IntegrityError]
    assert await database.read(_ids) == [0, 1, 2, 3, 4]


async def test_works_are_done_in_the_order_in_which_they_were_asked_for(database: Database) -> None:
    order: list[int] = []

    def work(connection: Connection, number: int) -> None:
        _insert(connection, number)
        order.append(number)

    with _held_up(database):
        await asyncio.sleep(0.05)
        tasks = [asyncio.ensure_future(database.write(lambda c, n=n: work(c, n))) for n in range(300)]  # type: ignore[misc]
        await asyncio.sleep(0.05)
    await asyncio.gather(*tasks)
    assert order == list(range(300))


async def test_a_caller_who_is_gone_keeps_nobody_from_hearing(database: Database) -> None:
    with _held_up(database):
        await asyncio.sleep(0.05)
        gone = asyncio.ensure_future(database.write(lambda connection: _insert(connection, 1)))
        stays = asyncio.ensure_future(database.write(lambda connection: _insert(connection, 2)))
        await asyncio.sleep(0.05)
        gone.cancel()
    assert await stays == 2


async def test_a_read_sees_one_moment(database: Database) -> None:
    await database.write(lambda connection: _insert(connection, 1))

    def read(connection: Connection) -> tuple[list[int], list[int]]:
        before = _ids(connection)
        other = Database(database.url)
        other.write_now(lambda inner: _insert(inner, 2))
        other.close()
        return before, _ids(connection)

    before, after = await database.read(read)
    assert before == after == [1]


def test_sqlite_flushes_every_commit_to_the_disk(tmp_path: Path) -> None:
    opened = Database(sqlite_url(tmp_path / "lines.db"))
    try:
        found = opened.read_now(
            lambda c: [c.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
        )
    finally:
        opened.close()
    assert found == ["wal", 2]


async def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    opened = Database(sqlite_url(tmp_path / "no" / "such" / "folder.db"))
    try:
        with pytest.raises(StorageUnavailable):
            await opened.write(lambda connection: connection.exec_driver_sql("SELECT 1"))
        with pytest.raises(StorageUnavailable):
            await opened.read(lambda connection: connection.exec_driver_sql("SELECT 1"))
    finally:
        opened.close()


async def test_a_file_that_another_program_keeps_locked_is_unavailable_until_it_lets_go(tmp_path: Path) -> None:
    file = tmp_path / "lines.db"
    database = Database(sqlite_url(file))
    database.write_now(metadata.create_all)
    await database.write(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout = 20"))
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable):
            await database.write(lambda connection: _insert(connection, 1))
        other.execute("ROLLBACK")
    assert await database.write(lambda connection: _insert(connection, 2)) == 2
    assert await database.read(_ids) == [2]
    database.close()


def _held_to_reading(connection: Connection) -> None:
    connection.execute(sa.text("SET TRANSACTION READ ONLY"))
    _insert(connection, 1)


def _ended_by_an_operator(connection: Connection) -> None:
    connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))


@pytest.mark.postgresql
@pytest.mark.parametrize("work", [_held_to_reading, _ended_by_an_operator])
async def test_what_passes_by_itself_is_an_unavailable_database(
    work: Callable[[Connection], None], postgresql_store: str
) -> None:
    with databases.emptied(postgresql_store) as database:
        database.write_now(metadata.create_all)
        with pytest.raises(StorageUnavailable):
            await database.write(work)
        assert await database.write(lambda connection: _insert(connection, 2)) == 2
        database.write_now(metadata.drop_all)


def test_a_server_whose_name_is_not_known_yet_is_unavailable_and_callers_are_not_told_where_it_is() -> None:
    database = Database("postgresql+psycopg://somebody@db.invalid/sallyport")
    with pytest.raises(StorageUnavailable) as caught:
        database.read_now(_ids)
    assert "db.invalid" not in caught.value.message
    assert "db.invalid" in str(caught.value), "whoever runs the server is"
    database.close()


@pytest.mark.postgresql
async def test_processes_that_ask_whether_the_database_can_be_written_never_wait_for_each_other(
    postgresql_store: str,
) -> None:
    asked, ordered, tries = threading.Event(), threading.Event(), list[str]()

    def stored_by_one(connection: Connection) -> None:
        tries.append("one")
        asked.set()
        ordered.wait(5)
        schema.ordered(connection, "alert")

    def stored_by_two(connection: Connection) -> None:
        tries.append("two")
        asked.wait(5)
        schema.ordered(connection, "alert")
        ordered.set()

    def asking(connection: Connection) -> None:
        probe.write(connection, "2026-11-23T12:00:00.0000000Z")

    with databases.emptied(postgresql_store) as one:
        two = Database(postgresql_store)
        one.write_now(asking)
        with _held_up(one), _held_up(two):
            waiting = [one.begin_write(asking), one.begin_write(stored_by_one)]
            waiting += [two.begin_write(stored_by_two), two.begin_write(asking)]
        await asyncio.gather(*waiting)
        two.close()
    assert sorted(tries) == ["one", "two"]


@pytest.mark.postgresql
async def test_processes_whose_transactions_wait_for_each_other_both_store_in_the_end(postgresql_url: str) -> None:
    met = threading.Barrier(2)

    def writing(first: int, second: int) -> Callable[[Connection], None]:
        tries: list[int] = []

        def work(connection: Connection) -> None:
            tries.append(first)
            connection.execute(sa.update(lines).where(lines.c.id == first).values(text=f"{first} then {second}"))
            if len(tries) == 1:
                met.wait(10)
            connection.execute(sa.update(lines).where(lines.c.id == second).values(text=f"{first} then {second}"))

        return work

    with databases.postgresql_database(postgresql_url) as url:
        one, two = Database(url), Database(url)
        one.write_now(metadata.create_all)
        one.write_now(lambda connection: [_insert(connection, 1), _insert(connection, 2)])
        await asyncio.gather(one.write(writing(1, 2)), two.write(writing(2, 1)))
        found = one.read_now(lambda connection: set(connection.scalars(sa.select(lines.c.text))))
        one.close()
        two.close()
    assert found in ({"1 then 2"}, {"2 then 1"})


@pytest.mark.postgresql
def test_what_the_address_of_a_database_names_goes_to_the_driver(postgresql_store: str) -> None:
    named = {"options": "-c search_path=elsewhere", "connect_timeout": "7", "application_name": "ours"}
    url = sa.make_url(postgresql_store).update_query_dict(named).render_as_string(hide_password=False)
    database = Database(url, read_seconds=3)
    asked = "SELECT current_setting('search_path'), current_setting('application_name')"
    found = database.read_now(lambda connection: tuple(connection.execute(sa.text(asked)).one()))
    bound = database.read_now(lambda connection: connection.scalar(sa.text("SHOW statement_timeout")))
    with database.engine.connect() as connection:
        given = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
    database.close()
    assert (found, given["connect_timeout"], bound) == (("elsewhere", "ours"), "7", "3s")


def test_an_address_whose_port_is_no_number_is_refused_without_its_password() -> None:
    with pytest.raises(InvalidSetting, match="a number as its port") as caught:
        Database("postgresql://somebody:secret@db.example:port/sallyport")
    assert "secret" not in str(caught.value)


async def test_what_could_not_be_stored_stands_in_no_error(database: Database) -> None:
    await database.write(lambda connection: _insert(connection, 1, "first"))
    with pytest.raises(sa.exc.IntegrityError) as caught:
        await database.write(lambda connection: _insert(connection, 1, "a body with a secret"))
    assert "secret" not in str(caught.value)


@pytest.mark.postgresql
def test_a_connection_whose_other_end_is_gone_is_given_up_within_seconds(postgresql_store: str) -> None:
    database = Database(postgresql_store)
    with database.engine.connect() as connection:
        named = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
    database.close()
    idle = int(named["keepalives_idle"]) + int(named["keepalives_interval"]) * int(named["keepalives_count"])
    assert idle <= 30, "one that waits"
    assert 0 < int(named["tcp_user_timeout"]) <= 30_000, "one that has sent something"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=False)
    if done.returncode:
        pytest.skip("this machine does not let a small file system be mounted")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_is_told_as_such_keeps_what_was_committed_and_recovers(small_disk: Path) -> None:
    database = Database(sqlite_url(small_disk / "lines.db"))
    database.write_now(metadata.create_all)
    acknowledged: list[int] = []

    async def fill() -> None:
        for number in range(10_000):
            acknowledged.append(await database.write(lambda c, n=number: _insert(c, n, "x" * 20_000)))  # type: ignore[misc]  # noqa: PERF401

    try:
        with pytest.raises(StorageFull) as full:
            await fill()
        assert full.value.status == 507
        assert len(acknowledged) > 20
        assert await database.read(_ids) == acknowledged
        subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
        acknowledged.append(await database.write(lambda c: _insert(c, 20_000, "x" * 20_000)))
        assert await database.read(_ids) == acknowledged
    finally:
        database.close()
    with sqlite3.connect(small_disk / "lines.db") as checked:
        assert checked.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    checked.close()


@pytest.mark.parametrize("dialect", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_a_read_that_takes_too_long_is_broken_off_and_a_write_is_not(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = sqlite_url(tmp_path / "slow.db") if dialect == "sqlite" else request.getfixturevalue("postgresql_url")
    endless = sa.text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
    slow = sa.text("SELECT pg_sleep(1.5)" if dialect == "postgresql" else "SELECT 1")
    database = Database(url, read_seconds=1)
    with pytest.raises(ReadTimedOut) as caught:
        database.read_now(lambda connection: connection.execute(endless).scalar())
    assert caught.value.status == 504
    assert database.read_now(lambda connection: connection.execute(sa.text("SELECT 1")).scalar()) == 1
    database.write_now(lambda connection: connection.execute(slow).scalar())
    database.close()
