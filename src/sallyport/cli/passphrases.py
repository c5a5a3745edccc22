"""Where a command finds a passphrase: in a file or in the environment, never among its arguments, which others see."""

from __future__ import annotations

import os
from pathlib import Path

import click

from sallyport.cli import local

VARIABLE = "SALLYPORT_BACKUP_PASSPHRASE"

option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help=f"A file whose first line is the passphrase of the backup; otherwise {VARIABLE}.",
)


def found(file: Path | None) -> str | None:
    """Answer the passphrase, None when there is none; an empty one ends the command."""
    if file is None:
        return os.environ.get(VARIABLE) or None
    try:
        text = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        local.fail(
            f"The passphrase in '{file}' cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}."
        )
    if not text or not text[0]:
        local.fail(f"The first line of '{file}' is empty: it should be the passphrase.")
    return text[0]
