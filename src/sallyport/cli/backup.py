"""`sallyport backup`: one file that holds everything an installation needs to live elsewhere."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

import click
import orjson

from sallyport.cli import local, output, passphrases
from sallyport.clock import SystemClock
from sallyport.errors import StorageFull
from sallyport.store import archive, backup, sealing
from sallyport.store.archive import Manifest
from sallyport.web.mailbox import FOLDER as MAIL

#: What is kept beside the database, by its name in the data folder: keys, and what clients were told to trust.
KEPT = (sealing.FILE_NAME, "tls")


@click.command("backup")
@click.argument("destination", type=click.Path())
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Data folder; otherwise SALLYPORT_DATA.")
@click.option("--mail", is_flag=True, help="Include what is in the built-in mailbox.")
@passphrases.option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(destination: str, data: Path | None, mail: bool, passphrase_file: Path | None, as_json: bool) -> None:
    """Write everything into one file while the server runs: the database, the keys, the local authority.

    DESTINATION is a new file, or an existing folder in which one is made. Settings are not included, nor is a master
    key that is given in the environment. Whoever has the file and no passphrase was set has the keys: keep it as you
    keep those.
    """
    passphrase = passphrases.found(passphrase_file)
    os.umask(0o077)
    # Whoever has just installed another version wants a backup first.
    with local.opened(data, any_version=True) as here:
        now = SystemClock().now()
        target = _target(destination, f"sallyport-{now:%Y%m%dT%H%M%SZ}.backup")
        if target.exists():
            local.fail(f"'{target}' exists already; a backup never takes the place of another.")
        try:
            with tempfile.TemporaryDirectory(prefix=".sallyport-backup-", dir=target.parent) as made:
                folder = Path(made)
                copy = backup.copied(here.db, folder)
                _keep(here.settings.data, folder, (*KEPT, MAIL) if mail else KEPT)
                manifest = archive.describe(folder, copy, version("sallyport"), now.isoformat())
                archive.write(folder, manifest, target, passphrase)
        except StorageFull:
            local.fail(
                f"The backup cannot be written to '{target}': there is no room left in '{target.parent}'. While a "
                "backup is made there, it needs room for the database twice."
            )
        except OSError as error:
            local.fail(f"The backup cannot be written to '{target}': {error.strerror or error}.")
    _tell(target, manifest, encrypted=passphrase is not None, as_json=as_json)


def _target(destination: str, name: str) -> Path:
    place = Path(destination)
    if place.is_dir():
        return place / name
    if destination.endswith(("/", os.sep)):
        # Every night after the first would find a file there, and end without a backup.
        local.fail(f"There is no folder '{destination}' to write a backup into. Make it first, or name a file.")
    return place


def _keep(data: Path, folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        source = data / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("*.partial", ".*"))
        elif source.exists():
            shutil.copyfile(source, folder / name)


def _tell(target: Path, manifest: Manifest, *, encrypted: bool, as_json: bool) -> None:
    told = {
        "file": str(target.absolute()),
        "bytes": target.stat().st_size,
        "encrypted": encrypted,
        "madeAt": manifest.made_at,
        "revision": manifest.revision,
        "parts": list(manifest.parts),
        "rows": dict(manifest.database.rows),
    }
    if as_json:
        click.echo(orjson.dumps(told).decode())
        return
    rows = manifest.database.rows
    counted = ", ".join(f"{rows.get(name, 0)} {name}" for name in ("alerts", "indicators", "workflows", "runs"))
    output.tell(f"Wrote {target} ({target.stat().st_size} bytes{', encrypted' if encrypted else ''}): {counted}.")
    if not encrypted:
        output.tell("It holds the keys and is not encrypted: keep it where you would keep those.")
