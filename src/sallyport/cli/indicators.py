"""`sallyport indicators`: look at threat intelligence indicators, and at the alerts in which they were found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sallyport.cli import local, output, remote
from sallyport.cli.groups import Group

#: What an indicator looks for, in the order in which a list shows the first that it has.
_LOOKED_FOR = (
    *("networkIPv4", "networkIPv6", "networkDestinationIPv4", "networkDestinationIPv6", "networkSourceIPv4"),
    *("networkSourceIPv6", "networkCidrBlock", "networkDestinationCidrBlock", "networkSourceCidrBlock", "domainName"),
    *("url", "fileHashValue", "fileName", "filePath", "fileMutexName", "emailSenderAddress", "emailSourceDomain"),
    *("emailSourceIpAddress", "emailSubject", "emailRecipient", "userAgent"),
)


@click.group("indicators", cls=Group)
def command() -> None:
    """List and show threat indicators, and where they were found."""


@command.command("list")
@click.option("--filter", "odata", metavar="ODATA", help="An OData filter, such as \"threatType eq 'C2'\".")
@click.option("--top", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many at the most.")
@output.json_lines
@output.data_option
def listing(odata: str | None, top: int, as_json: bool, data: Path | None) -> None:
    """List indicators that have not expired, whoever submitted them, the most recent first."""
    query = {"$top": str(min(top, 1000))} | ({"$filter": odata} if odata else {})
    with remote.opened(data) as server:
        found = list(server.every(remote.INDICATORS, query, most=top))
    if as_json:
        for indicator in found:
            output.emit(indicator)
        return
    output.table(("SUBMITTED", "LOOKS FOR", "THREAT", "ACTION", "EXPIRES", "ID"), (_row(each) for each in found))


@command.command("show")
@click.argument("indicator_id", metavar="ID")
@output.json_document
@output.data_option
def show(indicator_id: str, as_json: bool, data: Path | None) -> None:
    """Show the indicator ID with everything that is known of it."""
    with remote.opened(data) as server:
        indicator = server.get(_address(indicator_id))
    if as_json:
        output.emit(indicator)
    else:
        output.emit_pretty({name: value for name, value in indicator.items() if value not in (None, [], {})})


@command.command("matches")
@click.argument("indicator_id", metavar="ID")
@click.option("--top", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many at the most.")
@output.json_lines
@output.data_option
def matches(indicator_id: str, top: int, as_json: bool, data: Path | None) -> None:
    """List the alerts in which the indicator ID was found, the first hit first."""
    with remote.opened(data) as server:
        path = f"{_address(indicator_id)}/matches"
        found = list(server.every(path, {"$top": str(min(top, 1000))}, most=top))
    if as_json:
        for match in found:
            output.emit(match)
        return
    output.table(("FOUND", "VALUE", "IN", "ALERT"), (_hit(each) for each in found))


def _address(indicator_id: str) -> str:
    if not indicator_id.strip():
        local.fail("An indicator's id is expected.")
    return f"{remote.INDICATORS}/{remote.segment(indicator_id)}"


def _row(indicator: dict[str, Any]) -> tuple[str, ...]:
    looked_for = next((str(indicator[name]) for name in _LOOKED_FOR if indicator.get(name)), "")
    return (
        output.clock_time(indicator.get("ingestedDateTime")),
        looked_for,
        indicator.get("threatType") or "",
        (indicator.get("action") or "") if indicator.get("isActive") is not False else "inactive",
        output.clock_time(indicator.get("expirationDateTime")),
        indicator["id"],
    )


def _hit(match: dict[str, Any]) -> tuple[str, ...]:
    found = output.clock_time(match.get("matchedDateTime"))
    return found, str(match.get("value")), str(match.get("alertProperty")), str(match.get("alertId"))
