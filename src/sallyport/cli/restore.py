"""`sallyport restore`: an installation out of a backup, in a folder that holds nothing yet."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path

import click
import orjson

from sallyport import settings
from sallyport.cli import local, lock, output, passphrases
from sallyport.errors import Conflict, SallyportError
from sallyport.settings import Settings
from sallyport.store import archive, backup
from sallyport.store.archive import Manifest
from sallyport.store.database import Database, sqlite_url


class Occupied(Conflict):
    """Raised when there is something in the folder that a backup is to be restored into."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"The folder '{folder}' is not empty. Name another one with --data, or move that away first.")
        self.folder = folder


@click.command("restore")
@click.argument("file", metavar="ARCHIVE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Data folder; otherwise SALLYPORT_DATA.")
@passphrases.option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(file: Path, data: Path | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Bring a backup back into a data folder that is empty or absent, ready for `sallyport up`.

    Every part is checked against the digests in the backup before anything takes its place. Runs that were going on go
    on from what the backup recorded.
    """
    passphrase = passphrases.found(passphrase_file)
    os.umask(0o077)
    try:
        chosen = settings.load(os.environ, given={"data": data})
        _refuse_occupied(chosen.data)
        manifest = _restored(file, chosen, passphrase)
    except SallyportError as error:
        local.fail(str(error))
    except OSError as error:
        local.fail(f"The backup cannot be restored: {error.strerror or error} ('{error.filename or chosen.data}').")
    told = {"data": str(chosen.data), "madeAt": manifest.made_at, "rows": dict(manifest.database.rows)}
    if as_json:
        click.echo(orjson.dumps(told).decode())
    else:
        output.tell(f"Restored what was there at {manifest.made_at} into {chosen.data}.")
        output.tell(f"Start it with: sallyport up --data {shlex.quote(str(chosen.data))}")


def _restored(file: Path, chosen: Settings, passphrase: str | None) -> Manifest:
    """Put everything together in a folder apart, then let it take its place."""
    folder = chosen.data
    # What is beside a folder that is there may be another disk, or nothing that may be written to.
    place = folder if folder.exists() else folder.parent
    place.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.restore-", dir=place))
    try:
        manifest = archive.extract(file, made, passphrase)
        copied = manifest.database
        url = sqlite_url(made / backup.SQLITE_FILE) if copied.dialect == "sqlite" else chosen.database_url
        database = Database(url)
        try:
            backup.restored(database, made, copied)
        finally:
            database.close()
        shutil.rmtree(made / backup.TABLES, ignore_errors=True)
        _put_into_place(made, folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return manifest


def _put_into_place(made: Path, folder: Path) -> None:
    if made.parent != folder:
        # Onto an empty folder at the most: the system refuses any other.
        made.replace(folder)
        return
    if _is_occupied(folder, made):
        raise Occupied(folder)
    for each in made.iterdir():
        each.replace(folder / each.name)
    made.rmdir()


def _refuse_occupied(folder: Path) -> None:
    holder = lock.holder(folder)
    if holder is not None:
        raise lock.Running(folder, holder)
    if folder.exists() and _is_occupied(folder):
        raise Occupied(folder)


def _is_occupied(folder: Path, made: Path | None = None) -> bool:
    """Answer whether anything is there, but for what was made and what a new disk has of its own."""
    return any(each != made and each.name != "lost+found" for each in folder.iterdir())
