"""Follows a run on a server until it has ended, telling of each action as it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import click

from sallyport.cli import output, remote
from sallyport.cli.remote import EXPANDED, Remote
from sallyport.clock import SystemClock

#: How often the server is asked, in seconds: often at first, because most runs are short.
_SHORTEST, _LONGEST = 0.1, 2.0

Tell = Callable[[str, dict[str, Any]], None]


def follow(server: Remote, workflow: str, run: str, tell: Tell) -> dict[str, Any]:
    """Wait until a run has ended and answer it with its actions; each change of an action's status is told."""
    # One loop for all pauses: who presses Ctrl-C while one is made or closed would be shown a trace of that.
    return asyncio.run(_followed(server, workflow, run, tell))


async def _followed(server: Remote, workflow: str, run: str, tell: Tell) -> dict[str, Any]:
    path = f"{server.workflow(workflow)}/runs/{remote.segment(run)}"
    seen: dict[str, str] = {}
    pause = _SHORTEST
    while True:
        found: dict[str, Any] = server.get(path, EXPANDED)
        changed = _tell_changes(found["properties"].get("actions") or {}, seen, tell)
        if found["properties"]["status"] not in output.GOING_ON:
            return found
        pause = _SHORTEST if changed else min(pause * 1.5, _LONGEST)
        await SystemClock().sleep(pause)


def line(name: str, properties: dict[str, Any]) -> None:
    """Tell of an action on standard error."""
    took = output.duration(properties.get("startTime"), properties.get("endTime"))
    words = [f"{properties['status']:<10}", name, took]
    if properties["status"] not in (*output.GOING_ON, "Succeeded"):
        error = properties.get("error") or {}
        words.append(" ".join(str(error.get("message") or properties.get("code") or "").split()))
    click.echo(str(output.printable("  " + "  ".join(word for word in words if word))), err=True)


def summary(found: dict[str, Any]) -> None:
    """Tell how a run ended, on standard error."""
    properties = found["properties"]
    took = output.duration(properties.get("startTime"), properties.get("endTime"))
    error = properties.get("error") or {}
    reason = f": {error.get('message')}" if error.get("message") else ""
    output.tell(f"Run {found['name']} {properties['status']}{f' after {took}' if took else ''}{reason}")


def _tell_changes(actions: dict[str, Any], seen: dict[str, str], tell: Tell) -> bool:
    changed = False
    for name, properties in sorted(actions.items(), key=lambda each: str(each[1].get("startTime"))):
        if seen.get(name) != properties["status"]:
            seen[name] = properties["status"]
            tell(name, properties)
            changed = True
    return changed
