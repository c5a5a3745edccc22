"""`sallyport keys`: the keys that tokens are signed with."""

from __future__ import annotations

from pathlib import Path

import click

from sallyport.auth import keyring
from sallyport.cli import local, output
from sallyport.cli.groups import Group
from sallyport.clock import SystemClock
from sallyport.store import schema, sealing


@click.group("keys", cls=Group)
def command() -> None:
    """Replace the keys that tokens are signed with."""


@command.command("rotate")
@output.data_option
@output.json_document
def rotate(data: Path | None, as_json: bool) -> None:
    """Make a new signing key.

    It is published at once and signs five minutes later, when clients have had time to read it; the old one counts
    until the last token that it signed has expired. A running server notices by itself.
    """
    clock = SystemClock()
    with local.opened(data) as here:
        sealer = sealing.sealer(here.settings.data)
        made = here.db.write_now(lambda connection: keyring.rotate(connection, sealer, clock))
    signs_at = schema.instant(clock.now() + keyring.PUBLISHED_FOR)
    if as_json:
        output.emit({"kid": made.kid, "createdDateTime": made.created_at, "signsFromDateTime": signs_at})
    else:
        output.tell(f"The new key {made.kid} signs from {output.clock_time(signs_at)} UTC on.")
