"""`sallyport client secret` and `sallyport client certificate`: by what applications prove who they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click
from sqlalchemy.engine import Connection

from sallyport.auth import credentials
from sallyport.auth.credentials import MadeSecret, RegistrationMissing, Term
from sallyport.cli import local, output
from sallyport.cli.groups import Group
from sallyport.clock import Clock, SystemClock
from sallyport.store import clients
from sallyport.store import credentials as stored
from sallyport.store.credentials import ClientKey, ClientSecret

_client_id = click.argument("client_id")
_key_id = click.argument("key_id")
_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])


def _term(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what something is called and from when until when it counts."""
    for option in (
        click.option("--name", default="", help="What people call it."),
        click.option("--starts", type=_MOMENT, metavar="DATE", help="From when it counts, in UTC; otherwise at once."),
        click.option("--ends", type=_MOMENT, metavar="DATE", help="Until when it counts, in UTC; otherwise for ever."),
    ):
        command = option(command)
    return command


@click.group("secret", cls=Group)
def secret() -> None:
    """Give applications secrets, and take them away. An application may have several."""


@secret.command("add")
@_client_id
@_term
@output.data_option
@output.json_document
def add_secret(client_id: str, *, data: Path | None, as_json: bool, **given: Any) -> None:
    """Give the application CLIENT_ID one more secret. The secret is shown this once."""
    with local.opened(data) as here:
        made = here.db.write_now(lambda it: credentials.add_secret(it, SystemClock(), client_id, _asked(given)))
    _show(made, as_json)


@secret.command("replace")
@_client_id
@output.data_option
@output.json_document
def replace_secrets(client_id: str, data: Path | None, as_json: bool) -> None:
    """Give the application CLIENT_ID a new secret in place of every one that it has. It is shown this once."""
    with local.opened(data) as here:
        made = here.db.write_now(lambda it: credentials.replace_secrets(it, SystemClock(), client_id))
    _show(made, as_json)


@click.group("certificate", cls=Group)
def certificate() -> None:
    """Give applications certificates, and take them away. An application may have several."""


@certificate.command("add")
@_client_id
@click.argument("file", type=click.File("rb"))
@_term
@output.data_option
@output.json_document
def add_certificate(client_id: str, file: BinaryIO, *, data: Path | None, as_json: bool, **given: Any) -> None:
    """Let the application CLIENT_ID prove who it is by the certificate or public key in FILE, in PEM, as well."""
    content = file.read()
    with local.opened(data) as here:
        made = here.db.write_now(
            lambda it: credentials.add_certificate(it, SystemClock(), client_id, content, _asked(given))
        )
    if as_json:
        output.emit(drawn_key(made))
    else:
        click.echo(f"key_id      {made.id}\nthumbprint  {made.thumbprint}")


def drawn_secret(secret: ClientSecret) -> dict[str, str | None]:
    """Answer what is shown of a secret, in Microsoft Graph's words for a `passwordCredential`."""
    return {
        "keyId": secret.id,
        "displayName": secret.display_name,
        "hint": f"{secret.hint}...",
        "startDateTime": secret.starts_at or secret.created_at,
        "endDateTime": secret.expires_at,
    }


def drawn_key(key: ClientKey) -> dict[str, str | None]:
    """Answer what is shown of a certificate, in Microsoft Graph's words for a `keyCredential`."""
    return {
        "keyId": key.id,
        "displayName": key.display_name,
        "thumbprint": key.thumbprint,
        "startDateTime": key.starts_at or key.created_at,
        "endDateTime": key.expires_at,
    }


def _asked(given: dict[str, Any]) -> Term:
    return Term(given["name"], _utc(given["starts"]), _utc(given["ends"]))


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _list_and_remove(
    group: click.Group,
    what: str,
    read: Callable[[Connection, str], Sequence[dict[str, str | None]]],
    take: Callable[[Connection, Clock, str, str], object],
) -> None:
    """Add the commands in which secrets and certificates are alike; `what` is one of them in words."""

    @group.command("list", help=f"List each {what} of the application CLIENT_ID, newest first: its name and term.")
    @_client_id
    @output.data_option
    @output.json_document
    def listing(client_id: str, data: Path | None, as_json: bool) -> None:
        with local.opened(data) as here:
            if here.db.read_now(lambda it: clients.get(it, client_id)) is None:
                raise RegistrationMissing(client_id)
            found = here.db.read_now(lambda it: read(it, client_id))
        if as_json:
            output.emit(found)
            return
        for each in found:
            click.echo("  ".join(value or "-" for value in each.values()))

    @group.command("remove", help=f"Take the {what} KEY_ID away from the application CLIENT_ID.")
    @_client_id
    @_key_id
    @output.data_option
    @output.json_document
    def remove(client_id: str, key_id: str, data: Path | None, as_json: bool) -> None:
        with local.opened(data) as here:
            here.db.write_now(lambda it: take(it, SystemClock(), client_id, key_id))
        if as_json:
            output.emit({"keyId": key_id})
        else:
            output.tell(f"Removed {key_id}.")


def _show(made: MadeSecret, as_json: bool) -> None:
    if as_json:
        output.emit({"clientId": made.kept.client_id, **drawn_secret(made.kept), "clientSecret": made.secret})
        return
    click.echo(f"client_id      {made.kept.client_id}")
    click.echo(f"key_id         {made.kept.id}")
    click.echo(f"client_secret  {made.secret}")
    output.tell("The secret is not shown again.")


_list_and_remove(
    secret,
    "secret",
    lambda it, client_id: [drawn_secret(each) for each in stored.secrets(it, client_id)],
    credentials.remove_secret,
)
_list_and_remove(
    certificate,
    "certificate or public key",
    lambda it, client_id: [drawn_key(each) for each in stored.public_keys(it, client_id)],
    credentials.remove_certificate,
)
