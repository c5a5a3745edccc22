"""A copy of the database and its way back; an archive that was tampered with, and one that is behind a passphrase."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa

import databases
from sallyport.clock import ManualClock
from sallyport.store import archive, backup, clients, encrypted_file, lanes, migrations, outbox, schema, tenants
from sallyport.store.archive import Damaged, Manifest
from sallyport.store.database import Database, sqlite_url
from sallyport.store.encrypted_file import WrongPassphrase
from sallyport.store.tenants import Tenant

NOW = schema.instant(ManualClock().now())


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated database that holds something."""
    if request.param == "sqlite":
        url = sqlite_url(tmp_path / "source.db")
    else:
        url = databases.created(request.getfixturevalue("postgresql_url"))
    database = Database(url)
    migrations.upgrade(database)
    database.write_now(fill)
    yield database
    database.close()


def fill(connection: sa.Connection) -> None:
    """Store rows of several kinds, with text that copies may break."""
    tenants.insert(connection, Tenant("t", 'Ünïcode\t\\N\n"quoted"', NOW))
    outbox.append(connection, "alert", [(f"a\\{number}", "created") for number in range(1000)], NOW)
    outbox.advance(connection, "notifications", 0, 10)
    outbox.forget_read(connection, 1000)
    connection.execute(
        clients.clients.insert().values(
            client_id="c",
            tenant_id="t",
            display_name="\x01control",
            permissions=["a", {"b": None}],
            enabled=True,
            administrator=False,
            created_at=NOW,
        )
    )


def contents(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Answer every row of every table."""
    return database.read_now(
        lambda connection: {
            name: [tuple(row) for row in connection.execute(sa.select(table))]
            for name, table in schema.metadata.tables.items()
        }
    )


def archived(tmp_path: Path, database: Database, passphrase: str | None = None) -> tuple[Path, Manifest]:
    """Answer an archive of a database."""
    folder = tmp_path / "parts"
    folder.mkdir()
    copy = backup.copied(database, folder)
    (folder / "master.key").write_text("key")
    manifest = archive.describe(folder, copy, "0.1.0", NOW)
    archive.write(folder, manifest, tmp_path / "one.backup", passphrase)
    return tmp_path / "one.backup", manifest


def taken(tmp_path: Path, file: Path, passphrase: str | None = None) -> tuple[Path, Manifest]:
    """Take an archive apart."""
    folder = tmp_path / "taken"
    folder.mkdir()
    return folder, archive.extract(file, folder, passphrase)


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_what_comes_back_is_what_was_there(source: Database, tmp_path: Path, passphrase: str | None) -> None:
    source.write_now(lambda connection: lanes.of(connection, {"https://one/hook": "https://one:443"}))
    file, _ = archived(tmp_path, source, passphrase)
    folder, manifest = taken(tmp_path, file, passphrase)
    url = sqlite_url(folder / backup.SQLITE_FILE) if source.dialect == "sqlite" else databases.created(source.url)
    database = Database(url)
    try:
        backup.restored(database, folder, manifest.database)
        assert contents(database) == contents(source)
        assert manifest.database.rows["outbox"] == 990
        # A number that was drawn is not drawn again.
        database.write_now(lambda connection: outbox.append(connection, "alert", [("new", "created")], NOW))
        assert database.read_now(outbox.highest) == 1001
        more = database.write_now(lambda connection: lanes.of(connection, {"https://two/hook": "https://two:443"}))
        assert more == {"https://two/hook": 2}
    finally:
        database.close()
    assert (folder / "master.key").read_text() == "key"
    assert file.stat().st_mode & 0o077 == 0


def test_writers_go_on_while_the_copy_is_made(source: Database, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    with source.engine.connect() as connection:
        connection.execution_options(sallyport_writes=True)
        with connection.begin():
            outbox.append(connection, "alert", [("uncommitted", "created")], NOW)
            copy = backup.copied(source, folder)
    assert copy.rows["outbox"] == 990


@pytest.mark.postgresql
def test_a_database_that_holds_something_is_not_restored_into(postgresql_url: str, tmp_path: Path) -> None:
    with databases.postgresql_database(postgresql_url) as url:
        database = Database(url)
        try:
            with pytest.raises(backup.NotEmpty):
                backup.restored(database, tmp_path, backup.Copy("postgresql", "0001", {}))
        finally:
            database.close()


def test_a_copy_of_another_kind_of_database_is_told(tmp_path: Path) -> None:
    with databases.sqlite(tmp_path) as database, pytest.raises(backup.Unsuitable, match="the settings name sqlite"):
        backup.restored(database, tmp_path, backup.Copy("postgresql", "0001", {}))


def test_a_copy_of_a_later_version_is_told(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "later.db"))
    try:
        migrations.upgrade(database)
        database.write_now(lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(migrations.TablesOfLaterVersion, match="9999"):
            backup.restored(database, tmp_path, backup.Copy("sqlite", "9999", {}))
    finally:
        database.close()


@pytest.mark.postgresql
def test_a_copy_of_a_later_version_is_told_on_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    with databases.postgresql_database(postgresql_url) as url:
        database = Database(url)
        try:
            with pytest.raises(migrations.TablesOfLaterVersion, match="9999"):
                backup.restored(database, tmp_path, backup.Copy("postgresql", "9999", {}))
        finally:
            database.close()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An archive of a small database."""
    with databases.sqlite(tmp_path) as database:
        database.write_now(lambda c: c.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)"))
        database.write_now(lambda c: c.exec_driver_sql("INSERT INTO alembic_version VALUES ('0001')"))
        return archived(tmp_path, database)[0]


def rewritten(file: Path, change: Callable[[str, bytes], list[tuple[tarfile.TarInfo, bytes]]]) -> Path:
    """Answer an archive whose members were changed."""
    target = file.with_name("changed.backup")
    with tarfile.open(file, "r:gz") as before, tarfile.open(target, "w:gz") as after:
        for member in before:
            content = before.extractfile(member)
            assert content is not None
            for entry, data in change(member.name, content.read()):
                entry.size = len(data) if entry.isreg() else 0
                after.addfile(entry, io.BytesIO(data))
    return target


def _as_it_is(name: str, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), data


def _linking(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return entry


def _renamed(name: str, data: bytes, to: str) -> list[tuple[tarfile.TarInfo, bytes]]:
    if name == "manifest.json":
        manifest = orjson.loads(data)
        manifest["parts"][to] = manifest["parts"].pop("master.key")
        return [_as_it_is(name, orjson.dumps(manifest))]
    return [_as_it_is(to if name == "master.key" else name, data)]


TAMPERED: dict[str, Callable[[str, bytes], list[tuple[tarfile.TarInfo, bytes]]]] = {
    "changed": lambda name, data: [_as_it_is(name, b"lie" if name == "master.key" else data)],
    "longer": lambda name, data: [_as_it_is(name, data + (b"+" if name == "master.key" else b""))],
    "missing": lambda name, data: [] if name == "master.key" else [_as_it_is(name, data)],
    "without a manifest": lambda name, data: [] if name == "manifest.json" else [_as_it_is(name, data)],
    "more than the manifest names": lambda name, data: [_as_it_is(name, data), _as_it_is(f"{name}.more", b"x")],
    "twice": lambda name, data: [_as_it_is(name, data)] * (2 if name == "master.key" else 1),
    "a link": lambda name, data: [(_linking(name), b"") if name == "master.key" else _as_it_is(name, data)],
    "upward": lambda name, data: _renamed(name, data, "../outside"),
    "absolute": lambda name, data: _renamed(name, data, "/tmp/sallyport-outside"),
    "of another format": lambda name, data: [
        _as_it_is(name, data.replace(b'"format": 1', b'"format": 2') if name == "manifest.json" else data)
    ],
}


@pytest.mark.parametrize("how", TAMPERED)
def test_an_archive_that_was_tampered_with_is_refused(made: Path, tmp_path: Path, how: str) -> None:
    with pytest.raises(Damaged):
        taken(tmp_path, rewritten(made, TAMPERED[how]))
    assert not (tmp_path / "outside").exists()
    assert not Path("/tmp/sallyport-outside").exists()


@pytest.mark.parametrize("from_the_end", [8, 1], ids=["checksum", "length"])
def test_what_is_known_of_the_whole_is_held_against_it(made: Path, tmp_path: Path, from_the_end: int) -> None:
    packed = bytearray(made.read_bytes())
    packed[-from_the_end] ^= 255
    made.write_bytes(packed)
    with pytest.raises(Damaged):
        taken(tmp_path, made)


def test_what_follows_the_last_part_is_refused(made: Path, tmp_path: Path) -> None:
    made.write_bytes(made.read_bytes() + gzip.compress(b"more"))
    with pytest.raises(Damaged, match="follows"):
        taken(tmp_path, made)


@pytest.mark.parametrize("cut", [0, 20, 700, -1])
def test_an_archive_that_is_cut_off_or_none_at_all_is_refused(made: Path, tmp_path: Path, cut: int) -> None:
    short = tmp_path / "short.backup"
    short.write_bytes(made.read_bytes()[:cut])
    with pytest.raises(Damaged):
        taken(tmp_path, short)


def test_a_backup_never_takes_the_place_of_another(made: Path, tmp_path: Path) -> None:
    before = made.read_bytes()
    with pytest.raises(FileExistsError):
        archive.write(tmp_path, Manifest(1, "", "", backup.Copy("sqlite", "", {}), {}), made, None)
    assert made.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir() if "partial" in each.name] == []


def sealed(data: bytes, passphrase: str = "right") -> bytes:
    """Answer bytes behind a passphrase."""
    file = io.BytesIO()
    with encrypted_file.writing(file, passphrase) as plain:
        plain.write(data)
    return file.getvalue()


def opened(data: bytes, passphrase: str | None = "right") -> bytes:
    """Answer what is behind a passphrase."""
    with encrypted_file.reading(io.BytesIO(data), passphrase) as plain:
        return plain.read()


@pytest.mark.parametrize("size", [0, 1, 2**20 - 1, 2**20, 2**20 + 1, 2 * 2**20])
def test_pieces_come_back_whatever_their_number(size: int) -> None:
    data = os.urandom(size)
    hidden = sealed(data)
    assert opened(hidden) == data
    assert size < 16 or data[:16] not in hidden


def test_a_changed_an_exchanged_and_a_missing_piece_do_not_open() -> None:
    hidden = sealed(os.urandom(3 * 2**20 - 5))
    head, piece = len(encrypted_file.MAGIC) + 16, 2**20 + 16
    flipped = bytearray(hidden)
    flipped[head + 100] ^= 1
    exchanged = hidden[:head] + hidden[head + piece : head + 2 * piece] + hidden[head : head + piece]
    for each in (bytes(flipped), exchanged + hidden[head + 2 * piece :], hidden[: head + 2 * piece], hidden[:head]):
        with pytest.raises(WrongPassphrase):
            opened(each)


@pytest.mark.parametrize("passphrase", [None, "wrong", ""])
def test_another_passphrase_does_not_open(passphrase: str | None) -> None:
    with pytest.raises(WrongPassphrase):
        opened(sealed(b"secret"), passphrase)
