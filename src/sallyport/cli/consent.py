"""`sallyport consent`: what applications were granted, decided by whoever has the data folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sallyport.auth import consents
from sallyport.cli import local, output
from sallyport.cli.groups import Group
from sallyport.clock import SystemClock
from sallyport.store.consents import Consent


@click.group("consent", cls=Group)
def command() -> None:
    """Grant applications what they ask for, or take it back."""


@command.command("show")
@click.argument("client_id", required=False)
@output.data_option
@output.json_document
def show(client_id: str | None, data: Path | None, as_json: bool) -> None:
    """Show what the application CLIENT_ID was granted, or what every application was."""
    with local.opened(data) as here:
        chosen = here.db.read_now(lambda connection: consents.shown(connection, client_id))
    if as_json:
        output.emit([_drawn(each) for each in chosen])
        return
    rows = [(each.client_id, " ".join((*each.roles, *each.scopes)), each.granted_by) for each in chosen]
    output.table(("APPLICATION", "GRANTED", "BY"), rows)


@command.command("grant")
@click.argument("client_id")
@output.data_option
@output.json_document
def grant(client_id: str, data: Path | None, as_json: bool) -> None:
    """Grant the application CLIENT_ID the permissions that its registration asks for now."""
    with local.opened(data) as here:
        made = here.db.write_now(lambda connection: consents.grant(connection, SystemClock(), client_id))
    _tell("Granted", made, as_json=as_json)


@command.command("revoke")
@click.argument("client_id")
@output.data_option
@output.json_document
def revoke(client_id: str, data: Path | None, as_json: bool) -> None:
    """Take back what CLIENT_ID was granted. Tokens that it holds are refused within ten seconds."""
    with local.opened(data) as here:
        gone = here.db.write_now(lambda connection: consents.revoke(connection, SystemClock(), client_id))
    _tell("Revoked", gone, as_json=as_json)


def _tell(what: str, consent: Consent, *, as_json: bool) -> None:
    if as_json:
        output.emit(_drawn(consent))
    else:
        output.tell(f"{what}: {' '.join((*consent.roles, *consent.scopes)) or 'nothing'} ({consent.client_id}).")


def _drawn(consent: Consent) -> dict[str, Any]:
    return {
        "clientId": consent.client_id,
        "roles": list(consent.roles),
        "scopes": list(consent.scopes),
        "grantedDateTime": consent.granted_at,
        "grantedBy": consent.granted_by,
    }
