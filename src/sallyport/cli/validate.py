"""`sallyport validate`: says what is wrong with workflow files, without running them.

The rule to know: a file that is named must hold a workflow, and so must a folder; of that, every `*.json` file that
holds one is checked. What a server would be given is checked, so that it agrees.
Exit code 1 when there is any error; warnings do not count.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from sallyport.arm.errors import TemplateError
from sallyport.cli import apis, binding, sources
from sallyport.cli.sources import Given, Source
from sallyport.clock import SystemClock
from sallyport.errors import SallyportError
from sallyport.wdl import check, definition, load, strict_json
from sallyport.wdl.definition import Definition
from sallyport.wdl.findings import Finding
from sallyport.wdl.values import Json
from sallyport.wdl.workflow import Workflow, may_be_named

#: Where the words of a finding begin.
_INDENT = " " * 10
_STYLES = {"error": "bold red", "warning": "yellow"}


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to say about one file; pointers are from the root of the file."""

    file: str
    ok: bool = True
    workflows: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = field(default=())


@click.command("validate")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per file.")
@click.option(
    "--parameters",
    "parameter_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Values for the parameters of templates (an ARM parameter file), or of workflows.",
)
def command(paths: Sequence[Path], *, as_json: bool, parameter_file: Path | None) -> None:
    """Check workflow definitions, ARM templates and Standard workflows, in files or whole folders."""
    parameters = _parameters(parameter_file)
    try:
        apis.known()
    except SallyportError as error:
        raise click.ClickException(error.message) from error
    console = Console(highlight=False, soft_wrap=True)
    failed = checked = 0
    for report in _reports(paths, parameters):
        failed += not report.ok
        checked += bool(report.workflows) or not report.ok
        if as_json:
            click.echo(json.dumps(asdict(report), ensure_ascii=False))
        else:
            _draw(report, console)
    if not as_json:
        click.echo(f"{checked} {'file' if checked == 1 else 'files'} checked, {failed} with errors.", err=True)
    if failed:
        raise click.exceptions.Exit(1)


def _reports(paths: Sequence[Path], parameters: Mapping[str, Json]) -> Iterator[Report]:
    places: dict[str, Path] = {}
    for path in paths:
        if not path.is_dir():
            yield validate(path, parameters, places=places)
            continue
        found = 0
        for each in _files(path):
            report = validate(each, parameters, must_hold_workflow=False, places=places)
            found += bool(report.workflows) or not report.ok
            yield report
        if not found:
            yield _refused(path, load.NotAWorkflow("There is no workflow in this folder, nor in those below it."), "")


def validate(
    path: Path,
    parameters: Mapping[str, Json],
    *,
    must_hold_workflow: bool = True,
    places: dict[str, Path] | None = None,
) -> Report:
    """Answer what there is to say about one file; never raises for what the file holds.

    `places` has the file of each workflow of the files before this one, by casefolded name; those of this one join it.
    """
    name = path.parent.name if path.name == "workflow.json" and path.parent.name else path.stem
    try:
        with path.open("rb") as file:
            data = file.read(strict_json.LARGEST + 4)
        workflows = load.load(data, name=name, parameters=parameters)
        source = sources.read(path)
        if path.name == "workflow.json":
            workflows = replace(source, parameters={**source.parameters, **parameters}).workflows(Given())
    except load.NotAWorkflow as error:
        if must_hold_workflow:
            return _refused(path, error, "")
        return Report(str(path), notes=("The file holds no workflow.",))
    except OSError as error:
        return _refused(path, SallyportError(f"The file cannot be read: {error.strerror or error}."), "")
    except SallyportError as error:
        return _refused(path, error, error.pointer if isinstance(error, TemplateError) else "")
    if not workflows and must_hold_workflow:
        return _refused(path, load.NotAWorkflow("The template holds no workflow."), "")
    twice = _twice(workflows, path, {} if places is None else places)
    found = (*(finding for workflow in workflows for finding in _findings(workflow, source)), *twice)
    findings = tuple(finding.within(source.document) for finding in found)
    return Report(
        file=str(path),
        ok=all(finding.severity != "error" for finding in findings),
        workflows=tuple(workflow.name for workflow in workflows),
        findings=findings,
        notes=tuple(dict.fromkeys(note for workflow in workflows for note in workflow.notes)),
    )


def _findings(workflow: Workflow, source: Source) -> Iterator[Finding]:
    yield from workflow.problems
    bound = binding.connections(workflow, source, Given())
    try:
        parsed = definition.parse(binding.declaring(workflow.document, bound), kind=workflow.kind)
    except definition.InvalidDefinition as error:
        yield Finding("error", error.code, workflow.pointer + error.pointer, error.message)
        return
    found = check.check(
        parsed,
        action_types=_runnable("actions"),
        trigger_types=_runnable("triggers"),
        supplied=workflow.parameters,
    )
    if all(each.severity != "error" for each in found):
        found += _unfollowable(parsed, workflow.parameters)
    for finding in found:
        yield replace(finding, pointer=workflow.pointer + finding.pointer)
    yield from _name(workflow, source)
    yield from _strangers(workflow, bound)


def _name(workflow: Workflow, source: Source) -> Iterator[Finding]:
    """Answer that a server would refuse the name that the file gives the workflow, as far as the name is known."""
    pointer = workflow.pointer.removesuffix("/properties/definition")
    faulty = any(each.pointer == f"{pointer}/name" for each in workflow.problems)
    if may_be_named(workflow.name) or workflow.missing or faulty:
        return
    allowed = "1 to 80 letters, digits, hyphens, underscores, periods and parentheses are allowed"
    remedy = "Give its parameter another value with --set." if source.is_template else "Deploy it with another --name."
    text = f"No workflow can have the name '{workflow.name}': {allowed}. {remedy}"
    yield Finding("warning", "InvalidResourceName", pointer, text)


def _twice(workflows: Sequence[Workflow], path: Path, places: dict[str, Path]) -> list[Finding]:
    """Answer that a name stands for another workflow too, so that the two cannot be deployed together."""
    found = []
    mine = set[str]()
    for workflow in workflows:
        if workflow.missing:
            continue  # its name may have to be given
        name = workflow.name.casefold()
        other = path if name in mine else places.get(name, path)
        if name in mine or not other.samefile(path):
            pointer = workflow.pointer.removesuffix("/properties/definition")
            text = f"A workflow in '{other}' has the name '{workflow.name}' too: a server would keep only one of them."
            found.append(Finding("warning", "DuplicateName", pointer, text))
        mine.add(name)
    for name in mine:
        places.setdefault(name, path)
    return found


def _unfollowable(parsed: Definition, parameters: Mapping[str, Json]) -> list[Finding]:
    """Answer why a server would refuse the triggers of a definition that is sound otherwise."""
    if not parsed.triggers:
        return []
    from sallyport.triggers import checking
    from sallyport.triggers.recurrence_rule import InvalidRecurrence

    try:
        checking.demand(parsed, parameters, SystemClock().now())
    except SallyportError as error:
        pointer = error.pointer if isinstance(error, InvalidRecurrence) else "/triggers"
        return [Finding("error", error.code, pointer, error.message)]
    return []


def _strangers(workflow: Workflow, bound: Mapping[str, Json]) -> Iterator[Finding]:
    """Answer which connections belong to APIs that this installation cannot call, and which calls nothing answers."""
    used = binding.users(workflow.document)
    for key, sentence in binding.strangers(bound, apis.known()).items():
        yield Finding("warning", "UnknownConnector", workflow.pointer + used.get(key, ""), sentence)
    from sallyport.cli import operations

    for pointer, sentence in operations.unknown(workflow.document, bound, apis.described()):
        yield Finding("warning", "OperationNotFound", workflow.pointer + pointer, sentence)


@cache
def _runnable(part: str) -> frozenset[str]:
    """Answer the types that this installation runs: those with a manifest. To import what runs them takes seconds."""
    manifests = resources.files("sallyport") / part / "manifests"
    return frozenset(entry.name.removesuffix(".json") for entry in manifests.iterdir())


def _refused(path: Path, error: SallyportError, pointer: str) -> Report:
    return Report(str(path), ok=False, findings=(Finding("error", error.code, pointer, error.message),))


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.json")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _parameters(path: Path | None) -> dict[str, Json]:
    if path is None:
        return {}
    try:
        value, _ = strict_json.read(path.read_bytes())
    except SallyportError as error:
        raise click.BadParameter(error.message, param_hint="--parameters") from None
    if not isinstance(value, dict):
        raise click.BadParameter("The file must hold a JSON object.", param_hint="--parameters")
    return value


def _draw(report: Report, console: Console) -> None:
    status = Text("ok", style="green") if report.ok else Text("invalid", style="bold red")
    if report.ok and not report.workflows:
        status = Text("skipped", style="dim")
    console.print(Text(_printable(report.file), style="bold"), status)
    for finding in report.findings:
        line = Text("  ")
        line.append(finding.severity.ljust(8), style=_STYLES[finding.severity])
        line.append(_printable(finding.message))
        line.append(f"  {_printable(finding.pointer) or '/'}", style="dim")
        console.print(line)
        for shown in finding.excerpt.splitlines():
            console.print(Text(f"{_INDENT}{shown}", style="dim"))
    for note in report.notes:
        console.print(Text(f"  note    {_printable(note)}", style="dim"))


def _printable(text: str) -> str:
    """Answer text without the characters with which a file could steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
