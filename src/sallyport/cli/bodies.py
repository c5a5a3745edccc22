"""The `--body` of commands that start runs: JSON, or `@file` for the JSON in a file, or `@-` for standard input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import orjson

from sallyport.store import documents

option = click.option(
    "--body", metavar="JSON|@FILE", help="What the trigger is given, as JSON; @FILE reads a file, @- standard input."
)


def read(given: str | None) -> bytes | None:
    """Answer the bytes of a body, None when there is none; what is not JSON is wrong use."""
    if given is None:
        return None
    raw = _raw(given)
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise click.BadParameter(f"the body is not JSON ({error})", param_hint="--body") from None
    return raw


def parsed(given: str | None) -> Any:
    """Answer the value of a body, None when there is none."""
    raw = read(given)
    return None if raw is None else documents.loads(raw)


def _raw(given: str) -> bytes:
    if not given.startswith("@"):
        return given.encode()
    if given == "@-":
        with click.open_file("-", "rb") as stdin:
            return bytes(stdin.read())
    try:
        return Path(given[1:]).read_bytes()
    except OSError as error:
        raise click.BadParameter(f"'{given[1:]}' cannot be read: {error.strerror}", param_hint="--body") from None
