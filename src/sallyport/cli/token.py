"""`sallyport token`: a bearer token of the local administrator, made from the keys in the data folder."""

from __future__ import annotations

from pathlib import Path

import click

from sallyport.cli import local, output
from sallyport.clock import SystemClock


@click.command("token")
@output.data_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, as the token endpoint would answer it.")
def command(data: Path | None, as_json: bool) -> None:
    """Print a bearer token of the local administrator, valid for an hour, and nothing else.

    The server need not be running. Use it as in: curl -H "Authorization: Bearer $(sallyport token)" ...
    """
    from sallyport.auth import administrator

    with local.opened(data) as here:
        seconds = here.settings.token_lifetime_seconds
        token = administrator.local_token(here.db, here.settings.data, SystemClock(), seconds)
    if as_json:
        output.emit({"token_type": "Bearer", "expires_in": seconds, "access_token": token})
    else:
        click.echo(token)
