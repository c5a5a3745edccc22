"""For commands that work on the data folder itself, with or without a running server.

The rule: such a command never makes a data folder or a database; only a start of the server does.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click

from sallyport import errors, settings
from sallyport.settings import Settings
from sallyport.store import migrations, probe
from sallyport.store.database import Database


@dataclass(frozen=True, slots=True)
class Local:
    """A data folder and its database, open."""

    settings: Settings
    db: Database


def fail(sentence: str) -> NoReturn:
    """Say on standard error what is wrong, and end with exit code 1."""
    click.echo(f"Error: {sentence}", err=True)
    raise click.exceptions.Exit(1)


@contextmanager
def opened(data: Path | None, *, any_version: bool = False) -> Iterator[Local]:
    """Open the data folder that was named, or the one of the environment; whatever goes wrong ends the command.

    Tables of another version are refused, unless the command says that it can deal with `any_version`.
    """
    try:
        found = settings.load(os.environ, given={"data": data})
        if found.database_url.startswith("sqlite:///") and not Path(found.database_url[len("sqlite:///") :]).exists():
            fail(_never_started(found))
        db = Database(found.database_url)
    except settings.InvalidSetting as wrong:
        fail(wrong.message)
    try:
        if not probe.usable(db):
            fail(_never_started(found))
        if not any_version:
            db.read_now(migrations.check_newest)
        yield Local(found, db)
    except errors.SallyportError as wrong:
        fail(_never_started(found) if wrong.code == "NoSigningKey" else str(wrong))
    finally:
        db.close()


def _never_started(found: Settings) -> str:
    return (
        f"There are no keys in '{found.data}' yet. Start the server on it once: "
        f"sallyport up --data {shlex.quote(str(found.data))} (or name another folder with --data or SALLYPORT_DATA)."
    )
