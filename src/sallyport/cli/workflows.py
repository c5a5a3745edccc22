"""`sallyport workflows`: what is deployed, and switching it on and off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.text import Text

from sallyport.cli import bodies, local, output, remote
from sallyport.cli.groups import Group
from sallyport.cli.remote import Remote


@click.group("workflows", cls=Group)
def command() -> None:
    """List, enable, disable and delete workflows, and fire their triggers."""


@command.command("list")
@output.json_lines
@output.data_option
def listing(as_json: bool, data: Path | None) -> None:
    """List the workflows, with their triggers and state."""
    with remote.opened(data) as server:
        found = list(server.every(remote.WORKFLOWS, {"$top": 100}))
    if as_json:
        for workflow in found:
            output.emit(workflow)
        return
    output.table(("NAME", "STATE", "VERSION", "TRIGGERS", "CHANGED"), (_row(workflow) for workflow in found))


@command.command("show")
@click.argument("name")
@output.json_document
@output.data_option
def show(name: str, as_json: bool, data: Path | None) -> None:
    """Show the workflow NAME: its state, triggers with addresses, connections, and how its latest runs went."""
    with remote.opened(data) as server:
        workflow = server.get(server.workflow(name))
        if as_json:
            output.emit(workflow)
            return
        _draw(server, workflow)


@command.command("enable")
@click.argument("name")
@output.json_document
@output.data_option
def enable(name: str, as_json: bool, data: Path | None) -> None:
    """Let the triggers of the workflow NAME fire again."""
    with remote.opened(data) as server:
        server.call("POST", f"{server.workflow(name)}/enable")
    output.done({"workflow": name, "state": "Enabled"}, f"{name} is enabled.", as_json=as_json)


@command.command("disable")
@click.argument("name")
@output.json_document
@output.data_option
def disable(name: str, as_json: bool, data: Path | None) -> None:
    """Keep the triggers of the workflow NAME from firing. Runs that are going on go on."""
    with remote.opened(data) as server:
        server.call("POST", f"{server.workflow(name)}/disable")
    output.done({"workflow": name, "state": "Disabled"}, f"{name} is disabled.", as_json=as_json)


@command.command("delete")
@click.argument("name")
@output.json_document
@output.data_option
def delete(name: str, as_json: bool, data: Path | None) -> None:
    """Forget the workflow NAME. Its runs that are going on go on to their end."""
    with remote.opened(data) as server:
        server.get(server.workflow(name))
        server.call("DELETE", server.workflow(name))
    output.done({"deleted": name}, f"{name} is deleted.", as_json=as_json)


@command.command("trigger")
@click.argument("name")
@click.option("--trigger", "trigger_name", default="", help="Which trigger, when there are several.")
@bodies.option
@output.json_document
@output.data_option
def trigger(name: str, trigger_name: str, body: str | None, as_json: bool, data: Path | None) -> None:
    """Fire a trigger of the workflow NAME now, and print the run that it started.

    Exit code 1 when it started none: it failed, nothing was new, or a condition was not met.
    """
    sent = bodies.read(body)
    with remote.opened(data) as server:
        chosen = chosen_trigger(server.get(server.workflow(name)), trigger_name)
        run = server.fire(name, chosen, sent)
        silent = "" if run is not None else why_silent(server, name, chosen)
    if as_json:
        output.emit({"workflow": name, "trigger": chosen, "run": run})
    elif run is not None:
        click.echo(run)
    if run is None:
        output.tell(silent)
        output.failed()


def why_silent(server: Remote, workflow: str, trigger: str) -> str:
    """Say why a trigger that was fired started no run, by what it met when it last looked."""
    path = f"{server.workflow(workflow)}/triggers/{remote.segment(trigger)}/histories"
    for looked in server.every(path, {"$top": "1"}, most=1):
        if looked["properties"]["status"] == "Failed":
            error = looked["properties"].get("error") or {}
            met = error.get("message") or looked["properties"].get("code") or "it is not said why"
            return f"The trigger '{trigger}' started no run, because it failed: {met}"
    return f"The trigger '{trigger}' started no run: there was nothing new, or a condition was not met."


def chosen_trigger(workflow: dict[str, Any], asked: str) -> str:
    """Answer the trigger that is meant: the one that is asked for, or the only one."""
    triggers = list(workflow["properties"]["definition"].get("triggers") or {})
    for name in triggers:
        if asked and name.casefold() == asked.casefold():
            return str(name)
    known = ", ".join(triggers) or "none"
    if asked:
        local.fail(f"The workflow '{workflow['name']}' has no trigger '{asked}'. Its triggers: {known}.")
    if not triggers:
        local.fail(f"The workflow '{workflow['name']}' has no trigger, so that nothing can start it.")
    if len(triggers) != 1:
        local.fail(
            f"The workflow '{workflow['name']}' has {len(triggers)} triggers ({known}); name one with --trigger."
        )
    return str(triggers[0])


def _row(workflow: dict[str, Any]) -> tuple[str | Text, ...]:
    properties = workflow["properties"]
    triggers = properties["definition"].get("triggers") or {}
    described = ", ".join(f"{name} ({trigger.get('type')})" for name, trigger in triggers.items())
    style = "green" if properties["state"] == "Enabled" else "dim"
    state = Text(properties["state"], style=style)
    return workflow["name"], state, properties["version"], described, output.clock_time(properties.get("changedTime"))


def _draw(server: Remote, workflow: dict[str, Any]) -> None:
    properties = workflow["properties"]
    definition = properties["definition"]
    click.echo(f"{workflow['name']}  version {properties['version']}  {properties['state']}")
    click.echo(f"  id       {workflow['id']}")
    click.echo(f"  changed  {output.clock_time(properties.get('changedTime'))} UTC")
    for name, trigger in (definition.get("triggers") or {}).items():
        click.echo(f"  trigger  {name} ({trigger.get('type')})")
        if str(trigger.get("type")).casefold() in remote.CALLABLE:
            click.echo(f"           {server.callback_url(workflow['name'], name)}")
    bound = (properties.get("parameters") or {}).get("$connections", {}).get("value") or {}
    for key, entry in bound.items():
        click.echo(f"  connects {key} -> {str(entry.get('id', '')).rsplit('/', 1)[-1]}")
    click.echo(
        f"  actions  {len(definition.get('actions') or {})} at the top: {', '.join(definition.get('actions') or {})}"
    )
    for run in server.every(f"{server.workflow(workflow['name'])}/runs", {"$top": 5}, most=5):
        told = run["properties"]
        click.echo(f"  run      {run['name']}  {told['status']}  {output.clock_time(told.get('startTime'))}")
