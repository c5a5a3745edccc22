"""`sallyport mail`: what the built-in mailbox received; works on the data folder, with or without a running server."""

from __future__ import annotations

import os
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from sallyport import errors, settings
from sallyport.cli import local
from sallyport.cli.groups import Group

if TYPE_CHECKING:
    from sallyport.web.mailbox import Received

_DATA = click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Data folder; otherwise SALLYPORT_DATA."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object on a line.")


@click.group("mail", cls=Group)
def command() -> None:
    """Read the mails that the built-in mailbox took, while no mail server is configured."""


@command.command("list")
@_DATA
@_JSON
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The newest so many.")
def list_mails(data: Path | None, limit: int, *, as_json: bool) -> None:
    """List the newest mails, the oldest of them first."""
    from sallyport.web import mailbox

    mails = mailbox.listed(_folder(data))[-limit:]
    if as_json:
        for each in mails:
            click.echo(orjson.dumps(_summary(each)).decode())
        return
    if not mails:
        click.echo("The mailbox is empty.", err=True)
    for each in mails:
        click.echo(f"{each.id[-8:]}  {each.received_at[:19]}  {_fit(each.to, 32)}  {_fit(each.subject, 60).rstrip()}")


@command.command("show")
@click.argument("mail_id", metavar="ID")
@_DATA
@_JSON
def show(mail_id: str, data: Path | None, *, as_json: bool) -> None:
    """Show one mail; ID may be the last characters of it, as `sallyport mail list` prints them."""
    from sallyport.web import mailbox

    try:
        found = mailbox.find(_folder(data), mail_id)
    except errors.SallyportError as error:
        local.fail(error.message)
    message = mailbox.read(found)
    text, html = _body(message, "plain"), _body(message, "html")
    files = [part.get_filename() or "" for part in message.iter_attachments()]
    if as_json:
        click.echo(orjson.dumps({**_summary(found), "text": text, "html": html, "attachments": files}).decode())
        return
    for name in ("From", "To", "Cc", "Subject", "Date", "Importance"):
        if message[name] is not None:
            click.echo(f"{name}: {_printable(str(message[name]).strip())}")
    for each in files:
        click.echo(f"Attachment: {_printable(each)}")
    click.echo()
    click.echo("\n".join(_printable(line) for line in (text or html).splitlines()))


@command.command("clear")
@_DATA
@_JSON
def clear(data: Path | None, *, as_json: bool) -> None:
    """Delete every mail in the mailbox."""
    from sallyport.web import mailbox

    count = mailbox.clear(_folder(data))
    if as_json:
        click.echo(orjson.dumps({"deleted": count}).decode())
    else:
        click.echo(f"{count} {'mail' if count == 1 else 'mails'} deleted.", err=True)


def _folder(data: Path | None) -> Path:
    from sallyport.web import mailbox

    try:
        found = settings.load(os.environ, given={"data": data}).data
    except settings.InvalidSetting as wrong:
        local.fail(wrong.message)
    if not found.is_dir():
        # Whoever looks in the wrong place must not take it that no mail came.
        local.fail(f"There is no data folder '{found}'. Name the server's with --data or SALLYPORT_DATA.")
    return found / mailbox.FOLDER


def _summary(each: Received) -> dict[str, Any]:
    return {
        "id": each.id,
        "received_at": each.received_at,
        "from": each.sender,
        "to": each.to,
        "recipients": list(each.recipients),
        "subject": each.subject,
        "message_id": each.message_id,
        "bytes": each.bytes,
    }


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    content: Callable[[], Any] | None = getattr(part, "get_content", None)
    found = content() if content is not None else ""
    return found if isinstance(found, str) else ""


def _fit(text: str, width: int) -> str:
    line = _printable(text)
    return (line if len(line) <= width else f"{line[: width - 1]}…").ljust(width)


def _printable(text: str) -> str:
    """Answer text without the characters with which a sender could steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
