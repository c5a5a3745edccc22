"""`sallyport subscriptions`: who is told of changes, what nobody took, and delivery again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sallyport.cli import output, remote
from sallyport.cli.groups import Group

_DESK = "/notifications"


@click.group("subscriptions", cls=Group)
def command() -> None:
    """List everybody's subscriptions and remove them; look at dead letters and have them delivered again."""


@command.command("list")
@output.json_lines
@output.data_option
def listing(as_json: bool, data: Path | None) -> None:
    """List the subscriptions of all applications that have not expired."""
    with remote.opened(data) as server:
        found = list(server.every(f"{_DESK}/subscriptions"))
    if as_json:
        for each in found:
            output.emit(each)
        return
    heads = ("EXPIRES", "CHANGES", "RESOURCE", "ADDRESS", "APPLICATION", "ID")
    output.table(heads, (_subscription(each) for each in found))


@command.command("remove")
@click.argument("subscription_id", metavar="ID")
@output.json_document
@output.data_option
def remove(subscription_id: str, as_json: bool, data: Path | None) -> None:
    """Remove the subscription ID; its owner is told, if it gave an address for that."""
    with remote.opened(data) as server:
        server.call("DELETE", f"{_DESK}/subscriptions/{remote.segment(subscription_id)}")
    if as_json:
        output.emit({"removed": subscription_id})
    else:
        output.tell(f"{subscription_id} was removed.")


@command.command("dead")
@output.json_lines
@output.data_option
def dead(as_json: bool, data: Path | None) -> None:
    """List notifications that nobody took; they are kept for three days."""
    with remote.opened(data) as server:
        found = list(server.every(f"{_DESK}/dead"))
    if as_json:
        for each in found:
            output.emit(each)
        return
    output.table(("DIED", "NOTIFICATIONS", "ADDRESS", "REASON", "ID"), (_letter(each) for each in found))


@command.command("redeliver")
@click.argument("letter_id", metavar="[ID]", required=False)
@click.option("--all", "everything", is_flag=True, help="Every dead letter.")
@output.json_document
@output.data_option
def redeliver(letter_id: str | None, everything: bool, as_json: bool, data: Path | None) -> None:
    """Have the dead letter ID, or with --all every one, delivered again."""
    if bool(letter_id) == everything:
        raise click.UsageError("Name one dead letter, or give --all.")
    path = f"{_DESK}/dead/redeliver" if everything else f"{_DESK}/dead/{remote.segment(letter_id or '')}/redeliver"
    with remote.opened(data) as server:
        answer = server.call("POST", path).json()
    if as_json:
        output.emit(answer)
    else:
        output.tell(f"{answer['redelivered']} on the way.")


def _subscription(each: dict[str, Any]) -> tuple[str, ...]:
    return (
        output.clock_time(each.get("expirationDateTime")),
        each["changeType"],
        each["resource"],
        each["notificationUrl"].partition("?")[0],
        each.get("applicationId") or "",
        each["id"],
    )


def _letter(each: dict[str, Any]) -> tuple[str, ...]:
    return (
        output.clock_time(each.get("deadDateTime")),
        str(each["notifications"]),
        each["url"].partition("?")[0],
        each.get("reason") or "",
        each["id"],
    )
