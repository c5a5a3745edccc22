"""`sallyport client`: application registrations, which scripts and products use to get tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from sqlalchemy.engine import Connection

from sallyport.auth import applications, registrations
from sallyport.auth.credentials import RegistrationMissing
from sallyport.auth.keyring import NoSigningKey
from sallyport.auth.permissions import PERMISSIONS
from sallyport.auth.registrations import Registered, Registration
from sallyport.cli import client_credentials, local, output
from sallyport.cli.groups import Group
from sallyport.clock import SystemClock
from sallyport.store import clients, credentials, tenants
from sallyport.store.clients import Client, SignIns


@click.group("client", cls=Group)
def command() -> None:
    """Register applications that may ask for tokens."""


command.add_command(client_credentials.secret)
command.add_command(client_credentials.certificate)


@command.command("add")
@click.argument("name")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    metavar="NAME",
    help=f"An application permission, granted by this; may be repeated. One of: {', '.join(PERMISSIONS)}.",
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="NAME",
    help="A delegated permission that it asks for, by the same names, user_impersonation, or api://CLIENT_ID/NAME of "
    "another application; may be repeated.",
)
@click.option(
    "--redirect-uri", "redirect_uris", multiple=True, metavar="URL", help="Where users are sent back to, to the letter."
)
@click.option(
    "--expose",
    "exposes",
    multiple=True,
    metavar="NAME",
    help="A permission that it offers to other applications as api://CLIENT_ID/NAME; may be repeated.",
)
@click.option("--public", is_flag=True, help="It runs at its user's and can keep no secret: none is made.")
@click.option(
    "--certificate",
    type=click.File("rb"),
    help="A certificate or public key in PEM by which it proves who it is: no secret is made.",
)
@click.option("--client-id", default="", metavar="GUID", help="The id that scripts already carry; otherwise a new one.")
@output.data_option
@output.json_document
def add(name: str, *, data: Path | None, as_json: bool, **given: Any) -> None:
    """Register an application called NAME, and print its id and secret. The secret is shown this once."""
    if not given["permissions"] and not given["scopes"] and not given["exposes"]:
        raise click.UsageError("Give it at least one --permission, --scope or --expose.")
    sign_ins = SignIns(given["redirect_uris"], given["public"], given["scopes"], given["exposes"])
    certificate = given["certificate"].read() if given["certificate"] is not None else b""
    with local.opened(data) as here:
        tenant = here.db.read_now(tenants.first)
        if tenant is None:
            raise NoSigningKey
        asked = Registration(
            tenant.id,
            name,
            given["permissions"],
            client_id=given["client_id"],
            sign_ins=sign_ins,
            certificate=certificate,
        )
        made = here.db.write_now(lambda connection: registrations.add(connection, SystemClock(), asked))
    _show(made, as_json)


@command.command("show")
@click.argument("client_id")
@output.data_option
@output.json_document
def show(client_id: str, data: Path | None, as_json: bool) -> None:
    """Show the application CLIENT_ID: how it signs in, what it asks for, and what it was granted."""
    with local.opened(data) as here:
        found = here.db.read_now(lambda connection: _whole(connection, client_id))
    if as_json:
        output.emit(found)
        return
    for title, value in found.items():
        click.echo(f"{title:<18}  {_said(value)}")


@command.command("enable")
@click.argument("client_id")
@output.data_option
@output.json_document
def enable(client_id: str, data: Path | None, as_json: bool) -> None:
    """Let the application CLIENT_ID ask for tokens again."""
    _set_enabled(client_id, data, as_json, enabled=True)


@command.command("disable")
@click.argument("client_id")
@output.data_option
@output.json_document
def disable(client_id: str, data: Path | None, as_json: bool) -> None:
    """Give the application CLIENT_ID no more tokens; those that it holds, and its subscriptions, end in seconds."""
    _set_enabled(client_id, data, as_json, enabled=False)


@command.command("list")
@output.data_option
@output.json_document
def listing(data: Path | None, as_json: bool) -> None:
    """List the registered applications."""
    with local.opened(data) as here:
        found = here.db.read_now(clients.listed)
    if as_json:
        output.emit([_drawn(client) for client in found])
        return
    for client in found:
        state = "" if client.enabled else "  (disabled)"
        click.echo(f"{client.client_id}  {client.display_name}{state}  {' '.join(client.permissions)}")


@command.command("remove")
@click.argument("client_id")
@output.data_option
@output.json_document
def remove(client_id: str, data: Path | None, as_json: bool) -> None:
    """Take the application CLIENT_ID away; tokens that it holds, and its subscriptions, end in seconds."""
    with local.opened(data) as here:
        removed = here.db.write_now(lambda connection: registrations.remove(connection, SystemClock(), client_id))
    if as_json:
        output.emit(_drawn(removed))
    else:
        output.tell(f"Removed {removed.display_name} ({removed.client_id}).")


def _set_enabled(client_id: str, data: Path | None, as_json: bool, *, enabled: bool) -> None:
    with local.opened(data) as here:
        changed = here.db.write_now(
            lambda connection: registrations.set_enabled(connection, SystemClock(), client_id, enabled=enabled)
        )
    if as_json:
        output.emit(_drawn(changed))
    else:
        output.tell(f"{'Enabled' if enabled else 'Disabled'} {changed.display_name} ({changed.client_id}).")


def _whole(connection: Connection, client_id: str) -> dict[str, Any]:
    found = applications.read(connection, client_id)
    if found is None:
        raise RegistrationMissing(client_id)
    secrets = credentials.secrets(connection, client_id)
    keys = credentials.public_keys(connection, client_id)
    return {
        **_drawn(found.client),
        "public": found.sign_ins.public,
        "redirectUris": list(found.sign_ins.redirect_uris),
        "scopes": list(found.sign_ins.scopes),
        "exposes": list(found.sign_ins.exposes),
        "grantedPermissions": list(found.roles),
        "grantedScopes": list(found.scopes),
        "secrets": [client_credentials.drawn_secret(each) for each in secrets],
        "keys": [client_credentials.drawn_key(each) for each in keys],
    }


def _said(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    return ", ".join(each if isinstance(each, str) else " ".join(filter(None, each.values())) for each in value)


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
        output.emit({**_drawn(made.client), **({"clientSecret": made.secret} if made.secret else {})})
        return
    click.echo(f"client_id      {made.client.client_id}")
    if made.secret:
        click.echo(f"client_secret  {made.secret}")
    click.echo(f"tenant_id      {made.client.tenant_id}")
    if made.secret:
        output.tell("The secret is not shown again.")
