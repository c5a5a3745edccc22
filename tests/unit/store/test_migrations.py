"""Migrations make exactly the tables that the code declares, on both databases."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.engine import Connection

from sallyport.store import (
    clients,
    credentials,
    deliveries,
    history,
    lanes,
    migrations,
    notices,
    observables,
    runs,
    tables,
)
from sallyport.store.clients import SignIns
from sallyport.store.credentials import ClientKey, ClientSecret
from sallyport.store.database import Database, sqlite_url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any table, on SQLite and on PostgreSQL."""
    sqlite = request.param == "sqlite"
    opened = Database(
        sqlite_url(tmp_path / "old.db") if sqlite else _created(request.getfixturevalue("postgresql_url"))
    )
    yield opened
    opened.close()


def test_migrations_make_the_declared_tables_on_sqlite(tmp_path: Path) -> None:
    declared, migrated = Database(sqlite_url(tmp_path / "declared.db")), Database(sqlite_url(tmp_path / "migrated.db"))
    tables.create(declared)
    migrations.upgrade(migrated)
    assert migrated.read_now(_statements) == declared.read_now(_statements)
    declared.close()
    migrated.close()


def test_the_newest_revision_is_the_one_that_migrations_end_with(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "sallyport.db"))
    assert database.read_now(migrations.revision_on) is None
    migrations.upgrade(database)
    assert database.read_now(migrations.revision_on) == migrations.newest()
    database.read_now(migrations.check_newest)
    database.close()


def test_tables_of_a_later_version_are_left_as_they_are(bare: Database) -> None:
    migrations.upgrade(bare)
    bare.write_now(_named("9999"))
    with pytest.raises(migrations.TablesOfLaterVersion, match=f"9999.* up to revision {migrations.newest()}"):
        migrations.upgrade(bare)
    with pytest.raises(migrations.TablesOfLaterVersion):
        bare.read_now(migrations.check_newest)
    assert bare.read_now(migrations.revision_on) == "9999"


def test_tables_of_an_earlier_version_are_told_from_the_newest(bare: Database) -> None:
    bare.write_now(lambda connection: migrations.upgrade_on(connection, "0007"))
    with pytest.raises(migrations.TablesOfEarlierVersion, match="revision 0007"):
        bare.read_now(migrations.check_newest)


def test_a_database_that_is_up_to_date_is_left_as_it_is(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "sallyport.db"))
    migrations.upgrade(database)
    before = database.read_now(_statements)
    migrations.upgrade(database)
    assert database.read_now(_statements) == before
    database.close()


@pytest.mark.postgresql
def test_migrations_make_the_declared_tables_on_postgresql(postgresql_url: str) -> None:
    shapes = []
    for make in (tables.create, migrations.upgrade):
        database = Database(_created(postgresql_url))
        make(database)
        shapes.append(database.read_now(_shape))
        database.close()
    assert shapes[0] == shapes[1]


def test_what_alerts_mention_is_kept_when_its_table_gets_buckets(bare: Database) -> None:
    rows = [(5, 1), (5, 8192), (7, 20_000), (2**62, 1)]

    def before(connection: Connection) -> None:
        command.upgrade(migrations.configuration(connection), "0007")
        for key, sequence in rows:
            connection.exec_driver_sql(f"INSERT INTO alert_observables (key, sequence) VALUES ({key}, {sequence})")

    bare.write_now(before)
    migrations.upgrade(bare)

    def under(connection: Connection) -> list[list[int]]:
        statements = (
            observables.numbers(connection, observables.alert_observables, keys) for keys in ([5], [7, 2**62], [6])
        )
        return [sorted(row.sequence for row in connection.execute(each)) for each in statements]

    assert bare.read_now(under) == [[1, 8192], [1, 20_000], []]


def test_what_was_on_its_way_is_still_delivered_when_places_take_the_place_of_rows(bare: Database) -> None:
    at = "2026-11-23T12:00:00.0000000Z"

    def before(connection: Connection) -> None:
        command.upgrade(migrations.configuration(connection), "0012")
        for statement in (
            """INSERT INTO notices (id, events) VALUES (7, '[[31, "a", "created", null]]')""",
            "INSERT INTO lanes (id, url, endpoint, attempts) VALUES (3, 'https://one/hook', 'https://one:443', 2)",
            f"""INSERT INTO deliveries (id, lane_id, notice_id, wanted, created_at, due_at)
                VALUES (9, 3, 7, '{{"s": [[0, 0]]}}', '{at}', '{at}')""",
        ):
            connection.exec_driver_sql(statement)

    bare.write_now(before)
    migrations.upgrade(bare)

    def after(connection: Connection) -> None:
        [lane] = lanes.of_ids(connection, deliveries.due(connection, at))
        assert (lane.id, lane.attempts, lane.position) == (3, 2, 7)
        [row] = deliveries.head(connection, lane.id, at, 10)
        assert (row.id, row.wanted, notices.events_of(connection, [7])[7][0].resource_id) == (9, {"s": (0,)}, "a")
        assert lanes.of(connection, {"https://two/hook": "https://two:443"}) == {"https://two/hook": 4}
        assert notices.add(connection, (), {}, at) == 8

    bare.write_now(after)


def test_runs_and_their_entries_are_kept_when_a_commit_becomes_a_row(bare: Database) -> None:
    at = "2026-11-23T12:00:00.0000000Z"
    # More than are moved at once, twice.
    names = [f"{number:05d}" for number in range(2_500)]

    def before(connection: Connection) -> None:
        command.upgrade(migrations.configuration(connection), "0013")
        run = sa.text(
            """INSERT INTO runs (id, workflow_id, version, trigger_name, status, started_at, client_tracking_id,
                "trigger", epoch) VALUES (:name, 'w', 2, 'it', 'Succeeded', :at, :name, '{}', 3)"""
        )
        entry = sa.text(
            """INSERT INTO run_history (run_id, sequence, name, repetition, status, document)
                VALUES (:name, :number, 'Say "no"', :repetition, 'Succeeded', :document)"""
        )
        connection.execute(run, [{"name": name, "at": at} for name in names])
        for number, (repetition, document) in enumerate([("", '{"start":"x"}'), ("000001", '{"code":"\\u00f6"}')]):
            said = {"number": number, "repetition": repetition, "document": document}
            connection.execute(entry, [{"name": name, **said} for name in names])

    bare.write_now(before)
    migrations.upgrade(bare)

    def after(connection: Connection) -> None:
        rows = runs.listed(connection, "w", limit=5_000)
        assert [row.client_tracking_id for row in rows] == names
        assert {(row.version, row.status, row.started_at, row.trigger, row.epoch) for row in rows} == {
            (2, "Succeeded", at, "{}", 3)
        }
        for name in names:
            assert list(history.read(connection, name)) == [
                (0, 'Say "no"', "", "Succeeded", {"start": "x"}),
                (1, 'Say "no"', "000001", "Succeeded", {"code": "\u00f6"}),
            ]

    bare.read_now(after)


def _statements(connection: Connection) -> set[tuple[str, str]]:
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {(name, sql) for name, sql in rows if name != "alembic_version"}


def _shape(connection: Connection) -> dict[str, Any]:
    inspector = sa.inspect(connection)
    return {
        name: {
            "columns": {each["name"]: (str(each["type"]), each["nullable"]) for each in inspector.get_columns(name)},
            "key": inspector.get_pk_constraint(name)["constrained_columns"],
            "indexes": {
                each["name"]: (each["column_names"], each["unique"], str(each.get("dialect_options")))
                for each in inspector.get_indexes(name)
            },
        }
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }


def _created(server_url: str) -> str:
    name = f"sallyport_{uuid.uuid4().hex}"
    engine = sa.create_engine(server_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)


def test_an_application_keeps_its_secret_and_its_addresses_when_it_may_have_several_secrets(bare: Database) -> None:
    at = "2026-01-01T00:00:00.0000000Z"

    def before(connection: Connection) -> None:
        command.upgrade(migrations.configuration(connection), "0010")
        for statement in (
            f"INSERT INTO clients VALUES ('c', 't', 'App', '[]', true, false, '{at}')",
            f"INSERT INTO client_secrets VALUES ('s', 'c', 'hashed', 'abc', '{at}', NULL)",
            f"INSERT INTO client_keys VALUES ('k', 'c', 'print', 'pem', '{at}', '{at}')",
            "INSERT INTO client_sign_ins VALUES ('c', '[\"https://a.example\"]', false, '[\"x\"]')",
        ):
            connection.exec_driver_sql(statement)

    bare.write_now(before)
    migrations.upgrade(bare)
    assert bare.read_now(lambda it: credentials.secrets(it, "c")) == [ClientSecret("s", "c", "hashed", "abc", at)]
    assert bare.read_now(lambda it: credentials.public_keys(it, "c")) == [ClientKey("k", "c", "print", "pem", at, at)]
    assert bare.read_now(lambda it: clients.sign_ins(it, "c")) == SignIns(("https://a.example",), False, ("x",))


def _named(revision: str) -> Callable[[Connection], object]:
    return lambda connection: connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
