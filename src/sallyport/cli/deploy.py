"""`sallyport deploy`: puts workflows from files onto a running server.

The rule: workflows are stored in the order in which they depend on one another, and the callback addresses that one
needs of another are asked for when that other is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import click

from sallyport.arm.environment import PLACEHOLDER_HOST, Environment
from sallyport.cli import apis, binding, local, operations, output, remote, sources
from sallyport.cli.remote import Refused, Remote
from sallyport.cli.sources import Given, Source, Unusable
from sallyport.clock import SystemClock
from sallyport.errors import SallyportError
from sallyport.wdl.workflow import Workflow

if TYPE_CHECKING:
    from sallyport.connectors.catalog import Connector

_TRIGGER = re.compile(r"/workflows/(?P<workflow>[^/]+)/triggers/(?P<trigger>[^/]+)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Deployed:
    """A workflow that is on the server now."""

    resource: Mapping[str, Any]
    #: Callback addresses by trigger.
    callback_urls: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the workflow."""
        return str(self.resource["name"])


def options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say with which values a file is loaded."""
    for option in (
        click.option(
            "--connection",
            "connections",
            multiple=True,
            metavar="KEY=API",
            help="Bind a connection, such as `mail=smtp`; may be repeated.",
        ),
        click.option(
            "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Give a parameter a value; may be repeated."
        ),
        click.option(
            "--parameters",
            "parameter_file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A file with values for parameters, such as an ARM parameter file.",
        ),
        click.option("--name", default="", help="The workflow's name, when there is one."),
    ):
        command = option(command)
    return command


def given(
    name: str,
    parameter_file: Path | None,
    settings: Sequence[str],
    connections: Sequence[str],
    *,
    disabled: bool = False,
) -> Given:
    """Answer what the options say.

    Raises Unusable.
    """
    return Given(
        parameters=sources.parameter_file(parameter_file),
        settings=sources.settings(settings, "--set"),
        connections=sources.settings(connections, "--connection"),
        name=name,
        disabled=disabled,
    )


@click.command("deploy")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@options
@click.option("--disabled", is_flag=True, help="Deploy without letting the triggers fire.")
@output.json_lines
@output.data_option
def command(
    paths: Sequence[Path],
    name: str,
    parameter_file: Path | None,
    settings: Sequence[str],
    connections: Sequence[str],
    disabled: bool,
    as_json: bool,
    data: Path | None,
) -> None:
    """Deploy the workflows in PATHS: definitions, ARM templates, Standard workflows, or whole folders of them.

    Connections are bound by name: `office365` and `smtp` send mail, `microsoftgraphsecurity` is this server's own Graph
    Security API. Prints the address of every trigger that can be called.
    """
    try:
        said = given(name, parameter_file, settings, connections, disabled=disabled)
        found = sources.find(paths)
        check(found, said)
        with remote.opened(data) as server:
            for deployed in deploy(server, found, said):
                _report(deployed, as_json)
    except Unusable as unusable:
        local.fail(unusable.message)
    except SallyportError as error:
        local.fail(remote.sentence(error))


def check(found: Sequence[Source], said: Given) -> None:
    """Raise Unusable for a setting that no file declares, and say which values of a parameter file nobody reads."""
    sources.check_settings(found, said)
    for name in sources.unheard(found, said):
        output.tell(f"note: The parameter file has a value for '{name}', which nothing that is read here declares.")


def deploy(server: Remote, found: Sequence[Source], said: Given) -> Iterator[Deployed]:
    """Store the workflows of files, one after another, and give each as it is stored.

    Raises Unusable before anything is stored when a value is missing, InvalidSetting and InvalidConnector when the
    connectors of this installation cannot be read, Refused when the server refuses one.
    """
    known = apis.described()
    planned = [(source, source.workflows(said, _environment(server))) for source in found]
    for source, workflows in planned:
        _check(source, workflows)
    if said.name and sum(len(workflows) for _, workflows in planned) != 1:
        raise Unusable("--name can be given only when there is exactly one workflow.")
    _demand_names(planned)
    for source, workflows in planned:
        for index, workflow in enumerate(workflows):
            yield _store(server, source, _resolved(server, source, workflow, index, said), said, known)


def _store(server: Remote, source: Source, workflow: Workflow, said: Given, known: Mapping[str, Connector]) -> Deployed:
    body = binding.resource(workflow, source, said)
    try:
        saved = server.put_workflow(said.name or workflow.name, body)
    except Refused as refused:
        raise Refused(refused.code, f"{source.path}: {refused.message}", refused.status) from None
    left = [each.resource_id for each in workflow.unresolved if PLACEHOLDER_HOST in each.placeholder]
    bound = body["properties"]["parameters"].get("$connections", {}).get("value", {})
    notes = [
        *workflow.notes,
        *binding.strangers(bound, apis.known()).values(),
        *(text for _, text in operations.unknown(workflow.document, bound, known)),
        *(f"The value of '{each}' is not known; a placeholder stands for it." for each in left),
    ]
    return Deployed(saved, _callback_urls(server, saved), tuple(dict.fromkeys(notes)))


def _check(source: Source, workflows: list[Workflow]) -> None:
    if not workflows:
        raise Unusable(f"The template '{source.path}' holds no workflow.")
    binding.demand(source, workflows)
    problems = [problem for workflow in workflows for problem in workflow.problems if problem.severity == "error"]
    if problems:
        lines = [f"  {problem.message} (at {problem.pointer or '/'})" for problem in problems]
        raise Unusable("\n".join([f"'{source.path}' cannot be deployed:", *lines]))


def _demand_names(planned: Sequence[tuple[Source, list[Workflow]]]) -> None:
    """Raise Unusable when two workflows have one name, of which a server would keep the last; a file may come twice."""
    files: dict[str, Source] = {}
    for source, workflows in planned:
        mine = set[str]()
        for workflow in workflows:
            name = workflow.name.casefold()
            other = files.setdefault(name, source)
            if name in mine or not other.path.samefile(source.path):
                raise Unusable(f"'{other.path}' and '{source.path}' both hold a workflow '{workflow.name}'.")
            mine.add(name)


def _resolved(server: Remote, source: Source, workflow: Workflow, index: int, said: Given) -> Workflow:
    """Answer the workflow with the addresses of those that are on the server by now."""
    if not workflow.unresolved:
        return workflow
    return source.workflows(said, _environment(server))[index]


def _environment(server: Remote) -> Environment:
    def callback_url(resource_id: str) -> str | None:
        match = _TRIGGER.search(resource_id)
        if match is None:
            return None
        try:
            return server.callback_url(unquote(match["workflow"]), unquote(match["trigger"]))
        except Refused:
            # Not there, or not yet: the placeholder stays, and is reported.
            return None

    return Environment(now=SystemClock().now(), resolve_callback_url=callback_url)


def _callback_urls(server: Remote, saved: Mapping[str, Any]) -> dict[str, str]:
    triggers = saved["properties"]["definition"].get("triggers") or {}
    return {
        name: server.callback_url(saved["name"], name)
        for name, trigger in triggers.items()
        if str(trigger.get("type")).casefold() in remote.CALLABLE
    }


def _report(deployed: Deployed, as_json: bool) -> None:
    properties = deployed.resource["properties"]
    if as_json:
        output.emit(
            {
                "name": deployed.name,
                "id": deployed.resource["id"],
                "version": properties["version"],
                "state": properties["state"],
                "callbackUrls": dict(deployed.callback_urls),
                "notes": list(deployed.notes),
            }
        )
        return
    click.echo(f"{deployed.name}  version {properties['version']}  {properties['state']}")
    for trigger, url in deployed.callback_urls.items():
        click.echo(f"  {trigger}  {url}")
    for note in deployed.notes:
        output.tell(f"  note: {note}")
