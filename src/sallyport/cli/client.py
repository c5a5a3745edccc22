"""`sallyport client`: application registrations, which scripts and products use to get tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import orjson

from sallyport.auth import registrations
from sallyport.auth.keyring import NoSigningKey
from sallyport.auth.permissions import PERMISSIONS
from sallyport.auth.registrations import Registered, Registration
from sallyport.cli import local
from sallyport.clock import SystemClock
from sallyport.store import clients, tenants
from sallyport.store.clients import Client

_data = click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Data folder; otherwise SALLYPORT_DATA."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group("client")
def command() -> None:
    """Register applications that may ask for tokens."""


@command.command("add")
@click.argument("name")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    required=True,
    metavar="NAME",
    help=f"An application permission; may be repeated. One of: {', '.join(PERMISSIONS)}.",
)
@click.option("--client-id", default="", metavar="GUID", help="The id that scripts already carry; otherwise a new one.")
@_data
@_json
def add(name: str, permissions: tuple[str, ...], client_id: str, data: Path | None, as_json: bool) -> None:
    """Register an application called NAME, and print its id and secret. The secret is shown this once."""
    with local.opened(data) as here:
        tenant = here.db.read_now(tenants.first)
        if tenant is None:
            raise NoSigningKey
        asked = Registration(tenant.id, name, permissions, client_id=client_id)
        made = here.db.write_now(lambda connection: registrations.add(connection, SystemClock(), asked))
    _show(made, as_json)


@command.command("secret")
@click.argument("client_id")
@_data
@_json
def secret(client_id: str, data: Path | None, as_json: bool) -> None:
    """Give the application CLIENT_ID a new secret in place of its old one. The secret is shown this once."""
    with local.opened(data) as here:
        made = here.db.write_now(lambda connection: registrations.replace_secret(connection, SystemClock(), client_id))
    _show(made, as_json)


@command.command("list")
@_data
@_json
def listing(data: Path | None, as_json: bool) -> None:
    """List the registered applications."""
    with local.opened(data) as here:
        found = here.db.read_now(clients.listed)
    if as_json:
        click.echo(orjson.dumps([_drawn(client) for client in found]).decode())
        return
    for client in found:
        state = "" if client.enabled else "  (disabled)"
        click.echo(f"{client.client_id}  {client.display_name}{state}  {' '.join(client.permissions)}")


@command.command("remove")
@click.argument("client_id")
@_data
@_json
def remove(client_id: str, data: Path | None, as_json: bool) -> None:
    """Take the application CLIENT_ID away. Tokens that it holds stay valid for up to an hour."""
    with local.opened(data) as here:
        removed = here.db.write_now(lambda connection: registrations.remove(connection, SystemClock(), client_id))
    if as_json:
        click.echo(orjson.dumps(_drawn(removed)).decode())
    else:
        click.echo(f"Removed {removed.display_name} ({removed.client_id}).", err=True)


def _drawn(client: Client) -> dict[str, Any]:
    return {
        "clientId": client.client_id,
        "tenantId": client.tenant_id,
        "displayName": client.display_name,
        "permissions": list(client.permissions),
        "enabled": client.enabled,
        "administrator": client.administrator,
        "createdDateTime": client.created_at,
    }


def _show(made: Registered, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps({**_drawn(made.client), "clientSecret": made.secret}).decode())
        return
    click.echo(f"client_id      {made.client.client_id}")
    click.echo(f"client_secret  {made.secret}")
    click.echo(f"tenant_id      {made.client.tenant_id}")
    click.echo("The secret is not shown again.", err=True)
