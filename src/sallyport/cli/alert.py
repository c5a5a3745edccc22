"""`sallyport alert`: send alerts to the server, and look at those that it has."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import click
import orjson
from rich.text import Text

from sallyport.cli import local, output, remote
from sallyport.cli.groups import Group
from sallyport.store import documents

_SEVERITIES = {"high": "bold red", "medium": "yellow", "low": "cyan", "informational": "dim"}


@click.group("alert", cls=Group)
def command() -> None:
    """Send alerts, and list and show those that are stored."""


@command.command("send")
@click.argument("file", type=click.File("rb"), default="-")
@output.json_lines
@output.data_option
def send(file: IO[bytes], as_json: bool, data: Path | None) -> None:
    """Send the alerts in FILE (or on standard input): one JSON object, an array, or one object per line.

    A list as the Graph answers it, `{"value": [...]}`, is sent like an array.
    Each needs `title` and `vendorInformation` with `provider` and `vendor`. Prints one result for each; exit code 1
    when any was refused. An alert with an `id` that is stored already updates it.
    """
    body = file.read()
    if not body.strip():
        raise click.UsageError("There is no alert to send: the input is empty.")
    content, media = _prepared(body)
    with remote.opened(data) as server:
        response = server.call("POST", remote.INGEST, content=content, headers={"Content-Type": media})
    results = [orjson.loads(line) for line in response.content.splitlines() if line.strip()]
    for result in results:
        if as_json:
            output.emit(result)
        elif "error" not in result:
            click.echo(result["id"])
    refused = [result for result in results if "error" in result]
    for result in refused:
        output.tell(f"Line {result['line']}: {result['error']['message']}")
    if not as_json or refused:
        output.tell(f"{len(results) - len(refused)} sent, {len(refused)} refused.")
    if refused:
        output.failed()


@command.command("list")
@click.option("--filter", "odata", metavar="ODATA", help="An OData filter, such as \"severity eq 'high'\".")
@click.option("--top", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many at the most.")
@output.json_lines
@output.data_option
def listing(odata: str | None, top: int, as_json: bool, data: Path | None) -> None:
    """List alerts, the most recent first."""
    query = {"$top": str(min(top, 1000))} | ({"$filter": odata} if odata else {})
    with remote.opened(data) as server:
        found = list(server.every(remote.ALERTS, query, most=top))
    if as_json:
        for alert in found:
            output.emit(alert)
        return
    output.table(("CREATED", "SEVERITY", "STATUS", "PROVIDER", "TITLE", "ID"), (_row(alert) for alert in found))


@command.command("show")
@click.argument("alert_id", metavar="ID")
@output.json_document
@output.data_option
def show(alert_id: str, as_json: bool, data: Path | None) -> None:
    """Show the alert ID with everything that is known of it."""
    if not alert_id.strip():
        local.fail("An alert's id is expected.")
    with remote.opened(data) as server:
        alert = server.get(f"{remote.ALERTS}/{remote.segment(alert_id)}")
    if as_json:
        output.emit(alert)
    else:
        output.emit_pretty({name: value for name, value in alert.items() if value not in (None, [], {})})


def severity(name: str) -> Text:
    """Answer a severity in its colour."""
    return Text(name, style=_SEVERITIES.get(name, ""))


def _row(alert: dict[str, Any]) -> tuple[str | Text, ...]:
    vendor = alert.get("vendorInformation") or {}
    return (
        output.clock_time(alert.get("createdDateTime")),
        severity(alert.get("severity") or ""),
        alert.get("status") or "",
        vendor.get("provider") or "",
        alert.get("title") or "",
        alert["id"],
    )


def _prepared(body: bytes) -> tuple[bytes, str]:
    """Answer a body and its media type: one JSON value as an array, whatever its line breaks, or lines as they are."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body, "application/x-ndjson"
    if isinstance(value, dict) and isinstance(value.get("value"), list):
        return documents.dumps(documents.loads(body)["value"]), "application/json"
    return (body if isinstance(value, list) else b"[" + body + b"]"), "application/json"
