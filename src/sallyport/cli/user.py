"""`sallyport user`: the people who may sign in, and their roles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from sqlalchemy.engine import Connection

from sallyport.auth import passwords, users
from sallyport.auth.roles import ROLES
from sallyport.cli import local, output
from sallyport.cli.groups import Group
from sallyport.clock import SystemClock
from sallyport.store import users as stored
from sallyport.store.users import User

_role = click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    metavar="ROLE",
    help=f"A directory role; may be repeated. One of: {', '.join(ROLES)}.",
)
_ask = click.option("--ask", is_flag=True, help="Ask for the password; otherwise one is drawn and shown this once.")


@click.group("user", cls=Group)
def command() -> None:
    """Decide who may sign in, and as what."""


@command.command("add")
@click.argument("name")
@_role
@click.option("--display-name", default="", help="What people call the user; otherwise the name.")
@_ask
@output.data_option
@output.json_document
def add(name: str, roles: tuple[str, ...], display_name: str, ask: bool, data: Path | None, as_json: bool) -> None:
    """Add a user who signs in as NAME. A password is drawn and shown this once, unless it is asked for."""
    password = _password(ask=ask)
    wanted = users.Wanted(name, password, roles, display_name)
    made = _change(data, lambda connection: users.add(connection, SystemClock(), wanted))
    _show(made, "" if ask else password, as_json=as_json)


@command.command("password")
@click.argument("name")
@_ask
@output.data_option
@output.json_document
def password(name: str, ask: bool, data: Path | None, as_json: bool) -> None:
    """Give the user NAME another password, and end all of the user's sign-ins."""
    chosen = _password(ask=ask)
    changed = _change(data, lambda connection: users.set_password(connection, SystemClock(), name, chosen))
    _show(changed, "" if ask else chosen, as_json=as_json)


@command.command("roles")
@click.argument("name")
@_role
@output.data_option
@output.json_document
def roles(name: str, roles: tuple[str, ...], data: Path | None, as_json: bool) -> None:
    """Give the user NAME these roles in place of the old ones, and end all of the user's sign-ins."""
    changed = _change(data, lambda connection: users.set_roles(connection, SystemClock(), name, roles))
    _show(changed, "", as_json=as_json)


@command.command("list")
@output.data_option
@output.json_document
def listing(data: Path | None, as_json: bool) -> None:
    """List the users."""
    with local.opened(data) as here:
        found = here.db.read_now(stored.listed)
    if as_json:
        output.emit([drawn(user) for user in found])
        return
    rows = [(user.name, user.display_name, ", ".join(user.roles), "" if user.enabled else "disabled") for user in found]
    output.table(("NAME", "CALLED", "ROLES", ""), rows)


@command.command("disable")
@click.argument("name")
@output.data_option
@output.json_document
def disable(name: str, data: Path | None, as_json: bool) -> None:
    """Keep the user NAME from signing in, and end all of the user's sign-ins."""
    _enabled(name, data, as_json, enabled=False)


@command.command("enable")
@click.argument("name")
@output.data_option
@output.json_document
def enable(name: str, data: Path | None, as_json: bool) -> None:
    """Let the user NAME sign in again."""
    _enabled(name, data, as_json, enabled=True)


@command.command("remove")
@click.argument("name")
@output.data_option
@output.json_document
def remove(name: str, data: Path | None, as_json: bool) -> None:
    """Take the user NAME away."""
    removed = _change(data, lambda connection: users.remove(connection, SystemClock(), name))
    _show(removed, "", as_json=as_json)


def drawn(user: User) -> dict[str, Any]:
    """Answer a user as JSON shows it."""
    return {
        "id": user.id,
        "userPrincipalName": user.name,
        "displayName": user.display_name,
        "roles": list(user.roles),
        "enabled": user.enabled,
        "createdDateTime": user.created_at,
    }


def _enabled(name: str, data: Path | None, as_json: bool, *, enabled: bool) -> None:
    changed = _change(data, lambda connection: users.set_enabled(connection, SystemClock(), name, enabled=enabled))
    _show(changed, "", as_json=as_json)


def _change(data: Path | None, work: Callable[[Connection], User]) -> User:
    with local.opened(data) as here:
        return here.db.write_now(work)


def _password(*, ask: bool) -> str:
    if not ask:
        return passwords.generate()
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _show(user: User, password: str, *, as_json: bool) -> None:
    if as_json:
        output.emit({**drawn(user), **({"password": password} if password else {})})
        return
    click.echo(f"name      {user.name}")
    click.echo(f"roles     {', '.join(user.roles)}")
    if password:
        click.echo(f"password  {password}")
        output.tell("The password is not shown again.")
