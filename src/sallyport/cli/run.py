"""`sallyport run`: starts a run and follows it to its end, on the server or offline."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click

from sallyport import settings
from sallyport.cli import binding, bodies, deploy, following, local, mocks, output, remote, run_tree, sources, workflows
from sallyport.cli.remote import Refused, Remote
from sallyport.cli.sources import Given, Source, Unusable
from sallyport.errors import SallyportError


@click.command("run")
@click.argument("target", metavar="NAME|FILE")
@bodies.option
@click.option("--trigger", default="", help="Which trigger fires, when there are several.")
@click.option("--no-wait", is_flag=True, help="Print the run's name and do not follow it.")
@click.option(
    "--offline", is_flag=True, help="Run the definition in FILE without a server: same engine, nothing leaves."
)
@click.option(
    "--mocks",
    "mock_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --offline: what answers calls of the outside, a JSON list of {match, response}.",
)
@deploy.options
@output.json_document
@output.data_option
def command(
    target: str,
    body: str | None,
    trigger: str,
    no_wait: bool,
    offline: bool,
    mock_file: Path | None,
    name: str,
    parameter_file: Path | None,
    settings: Sequence[str],
    connections: Sequence[str],
    as_json: bool,
    data: Path | None,
) -> None:
    """Start a run of the workflow NAME, or of the one in FILE, and follow it to its end.

    A FILE, or a folder that holds one, is deployed first, as `sallyport deploy` does, unless it has the very name of a
    workflow that is deployed already. With --offline it runs without a server. There, `match` of a mock may hold
    action, connector, method, path and url (`*` stands for anything), and `response` status, headers and body. Exit
    code 1 when the run does not succeed. With --json, the run with its actions is printed.
    """
    if mock_file is not None and not offline:
        raise click.UsageError("--mocks answers calls only with --offline.")
    if offline and no_wait:
        raise click.UsageError("--no-wait has no meaning with --offline.")
    sent = bodies.read(body)
    try:
        given = deploy.given(name, parameter_file, settings, connections)
        if offline:
            source = _source(target)
            deploy.check([source], given)
            _report(asyncio.run(_offline(source, given, mocks.read(mock_file), trigger, bodies.parsed(body))), as_json)
        else:
            _online(target, given, trigger, sent, as_json=as_json, wait=not no_wait, data=data)
    except Unusable as unusable:
        local.fail(unusable.message)
    except SallyportError as error:
        local.fail(remote.sentence(error))


def _online(
    target: str, given: Given, trigger: str, sent: bytes | None, *, as_json: bool, wait: bool, data: Path | None
) -> None:
    with remote.opened(data) as server:
        name = target
        if _means_file(server, target, given):
            source = _source(target)
            deploy.check([source], given)
            name = list(deploy.deploy(server, [source], given))[-1].name
        chosen = workflows.chosen_trigger(server.get(server.workflow(name)), trigger)
        run = server.fire(name, chosen, sent)
        if run is None:
            local.fail(workflows.why_silent(server, name, chosen))
        if not wait:
            output.emit({"workflow": name, "run": run}) if as_json else click.echo(run)
            return
        output.tell(f"Run {run} of {name}")
        try:
            found = following.follow(server, name, run, following.line)
        except KeyboardInterrupt:
            # What is left to the shell's library is "Aborted!", and that is what a run can be.
            output.tell(
                f"The run goes on. To see it: sallyport runs show {run}; to end it: sallyport runs cancel {run}"
            )
            output.failed()
    following.summary(found)
    if as_json:
        output.emit(found)
    if found["properties"]["status"] != "Succeeded":
        output.tell(f"What each action met: sallyport runs show {run}")
        output.failed()


def _means_file(server: Remote, target: str, given: Given) -> bool:
    """Answer whether a target is a file or folder to deploy: not when it is also the name of what was deployed before.

    To deploy it anew would take away the values that it was given then. Whoever gives values now means the file.
    """
    is_given = given != Given()
    if not Path(target).exists():
        if is_given:
            raise Unusable(f"There is no file '{target}' to deploy with the values given.")
        return False
    if is_given or target != Path(target).name or Path(target).is_file():
        return True
    try:
        server.get(server.workflow(target))
    except Refused as refused:
        if refused.status != HTTPStatus.NOT_FOUND:
            raise
        return True
    output.tell(f"'{target}' runs as it is deployed. To deploy the folder of that name anew: ./{target}")
    return False


async def _offline(source: Source, given: Given, answers: mocks.Mocks, trigger: str, body: Any) -> list[dict[str, Any]]:
    from sallyport.cli import offline

    found = source.workflows(given)
    binding.demand(source, found)
    app_settings = settings.load(os.environ).app_settings
    async with offline.opened(answers, app_settings) as stage:
        for workflow in found:
            name = given.name if given.name and len(found) == 1 else workflow.name
            deployed = await stage.deploy(name, binding.resource(workflow, source, given))
        if given.name and len(found) > 1:
            deployed = await stage.named(given.name)
        resource = {"name": deployed.name, "properties": {"definition": deployed.definition.raw}}
        return await stage.run(deployed, workflows.chosen_trigger(resource, trigger), body)


def _source(target: str) -> Source:
    path = Path(target)
    if not path.exists():
        raise Unusable(f"There is no file '{target}'.")
    found = sources.find([path])
    if len(found) != 1:
        raise Unusable(f"'{target}' holds {len(found)} files with workflows; name one of them.")
    return found[0]


def _report(found: list[dict[str, Any]], as_json: bool) -> None:
    for run in found:
        if as_json:
            output.emit(run)
            continue
        actions = run["properties"]["actions"]
        output.tree(run_tree.draw(run, lambda name, known=actions: _repetitions(known, name)))  # type: ignore[misc]
        following.summary(run)
    if any(run["properties"]["status"] != "Succeeded" for run in found):
        output.failed()


def _repetitions(actions: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (actions.get(name) or {}).get("repetitions") or []
    return found
