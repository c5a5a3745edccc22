"""`sallyport audit`: who signed in, who changed what, and what was refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sallyport.cli import local, output
from sallyport.cli.groups import Group
from sallyport.store import audit
from sallyport.store.audit import AuditEvent


@click.group("audit", cls=Group)
def command() -> None:
    """Read the audit trail."""


@command.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many events at most.")
@click.option("--activity", metavar="NAME", help="Only events of this name, such as token.refused.")
@output.data_option
@output.json_lines
def listing(limit: int, activity: str | None, data: Path | None, as_json: bool) -> None:
    """List the latest events, the newest first. No event holds a secret."""
    with local.opened(data) as here:
        found = here.db.read_now(lambda connection: audit.latest(connection, limit, activity))
    if as_json:
        for event in found:
            output.emit(_drawn(event))
        return
    titles = ("AT", "WHO", "WHAT", "TARGET", "OUTCOME", "FROM", "")
    output.table(titles, [_row(event) for event in found])


def _row(event: AuditEvent) -> tuple[str, ...]:
    detail = "  ".join(f"{name}={value}" for name, value in event.detail.items())
    facts = (event.actor, event.activity, event.target, event.outcome, event.remote_address)
    return (output.clock_time(event.at), *facts, detail)


def _drawn(event: AuditEvent) -> dict[str, Any]:
    return {
        "activityDateTime": event.at,
        "actor": event.actor,
        "activity": event.activity,
        "target": event.target,
        "outcome": event.outcome,
        "remoteAddress": event.remote_address,
        "detail": dict(event.detail),
    }
