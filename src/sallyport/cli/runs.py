"""`sallyport runs`: what ran, how it went, and what each action was given and gave."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from rich.text import Text

from sallyport.cli import output, remote, run_tree
from sallyport.cli.groups import Group
from sallyport.cli.remote import EXPANDED, Refused, Remote

#: What a run may be.
_STATUSES = ("Running", "Waiting", "Succeeded", "Failed", "Cancelled", "TimedOut", "Skipped", "Aborted", "Suspended")
workflow_option = click.option("--workflow", default="", help="The run's workflow; without it, it is looked for.")


@click.group("runs", cls=Group)
def command() -> None:
    """List runs, show them action by action, cancel and resubmit them."""


@command.command("list")
@click.argument("workflow", default="")
@click.option("--status", type=click.Choice(_STATUSES, case_sensitive=False), help="Only runs with this status.")
@click.option("--top", type=click.IntRange(1, 100_000), default=30, show_default=True, help="How many at the most.")
@output.json_lines
@output.data_option
def listing(workflow: str, status: str | None, top: int, as_json: bool, data: Path | None) -> None:
    """List runs of WORKFLOW, or of all workflows, the newest first."""
    with remote.opened(data) as server:
        found = list(newest(server, workflow, status or "", top))
    if as_json:
        for _, run in found:
            output.emit(run)
        return
    output.table(("STARTED", "WORKFLOW", "STATUS", "TOOK", "RUN"), (_row(name, run) for name, run in found))


@command.command("show")
@click.argument("run")
@click.option("--action", metavar="NAME[/REPETITION]", default="", help="Show one action with its inputs and outputs.")
@workflow_option
@output.json_document
@output.data_option
def show(run: str, action: str, workflow: str, as_json: bool, data: Path | None) -> None:
    """Show the run RUN as a tree of its actions, with status, code and duration.

    With --action, one action with what it was given and gave; `trigger` means the run's trigger.
    """
    with remote.opened(data) as server:
        path, found = locate(server, run, workflow)
        if action:
            shown = _action(server, path, found, action)
            output.emit(shown) if as_json else output.emit_pretty(shown)
        elif as_json:
            output.emit(found)
        else:
            output.tree(run_tree.draw(found, lambda name: _repetitions(server, path, name)))


@command.command("cancel")
@click.argument("run")
@workflow_option
@output.json_document
@output.data_option
def cancel(run: str, workflow: str, as_json: bool, data: Path | None) -> None:
    """End the run RUN as cancelled."""
    with remote.opened(data) as server:
        path, _ = locate(server, run, workflow)
        server.call("POST", f"{path}/cancel")
    output.done({"run": run, "status": "Cancelled"}, f"{run} is cancelled.", as_json=as_json)


@command.command("resubmit")
@click.argument("run")
@workflow_option
@output.json_document
@output.data_option
def resubmit(run: str, workflow: str, as_json: bool, data: Path | None) -> None:
    """Start a new run with what triggered the run RUN, and print its name."""
    with remote.opened(data) as server:
        path, found = locate(server, run, workflow)
        trigger = quote(found["properties"]["trigger"]["name"], safe="")
        above = path.rpartition("/runs/")[0]
        response = server.call("POST", f"{above}/triggers/{trigger}/histories/{remote.segment(run)}/resubmit")
    started = response.headers.get("x-ms-workflow-run-id")
    if as_json:
        output.emit({"run": started, "resubmitted": run})
    else:
        click.echo(started)


def newest(server: Remote, workflow: str, status: str, top: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give runs of one workflow or of all, the newest first, each with its workflow's name."""
    names = [workflow] if workflow else [each["name"] for each in server.every(remote.WORKFLOWS, {"$top": 100})]
    query = {"$top": str(min(top, 100))} | ({"$filter": f"status eq '{status}'"} if status else {})
    # Names of runs descend in time.
    merged = heapq.merge(*(_of(server, name, query, top) for name in names), key=lambda each: str(each[1]["name"]))
    for number, each in enumerate(merged):
        if number >= top:
            return
        yield each


def locate(server: Remote, run: str, workflow: str) -> tuple[str, dict[str, Any]]:
    """Answer the path of a run and the run with its actions, looking through the workflows when none is named.

    Raises Refused when there is no such run.
    """
    names = [workflow] if workflow else [each["name"] for each in server.every(remote.WORKFLOWS, {"$top": 100})]
    missing = Refused("WorkflowRunNotFound", f"The workflow run '{run}' could not be found.", 404)
    for name in names:
        path = f"{server.workflow(name)}/runs/{remote.segment(run)}"
        try:
            return path, server.get(path, EXPANDED)
        except Refused as refused:
            if refused.status != missing.status:
                raise
            missing = refused if workflow else missing
    raise missing


def _of(server: Remote, name: str, query: dict[str, str], top: int) -> Iterator[tuple[str, dict[str, Any]]]:
    for run in server.every(f"{server.workflow(name)}/runs", query, most=top):
        yield name, run


def _repetitions(server: Remote, path: str, action: str) -> list[dict[str, Any]]:
    return list(server.every(f"{path}/actions/{remote.segment(action)}/repetitions"))


def _action(server: Remote, path: str, run: dict[str, Any], asked: str) -> dict[str, Any]:
    """Answer an action, or the trigger, with its inputs and outputs in place of the links to them."""
    name, _, repetition = asked.partition("/")
    if asked == "trigger":
        shown = dict(run["properties"]["trigger"])
    else:
        below = f"/repetitions/{remote.segment(repetition)}" if repetition else ""
        found = server.get(f"{path}/actions/{remote.segment(name)}{below}")
        shown = {"name": asked, **found["properties"]}
    for part in ("inputs", "outputs"):
        link = shown.pop(f"{part}Link", None)
        if link is not None:
            secured = "secureData" in link
            shown[part] = "The content is secured." if secured else server.content(link)
    return shown


def _row(workflow: str, run: dict[str, Any]) -> tuple[str | Text, ...]:
    properties = run["properties"]
    return (
        output.clock_time(properties.get("startTime")),
        workflow,
        output.status(properties["status"]),
        output.duration(properties.get("startTime"), properties.get("endTime")),
        run["name"],
    )
