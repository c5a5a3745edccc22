"""Turns workflow resources into workflows, alone or out of an ARM template.

The rule to know: a template is evaluated value by value; what cannot be evaluated is a problem of the workflow that it
belongs to, and resources of other types are listed in the import report, not imported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from sallyport.arm import declared, template
from sallyport.arm.environment import Environment
from sallyport.arm.errors import TemplateError
from sallyport.arm.scope import Report
from sallyport.arm.template import Resource
from sallyport.wdl import access_control
from sallyport.wdl.findings import Finding
from sallyport.wdl.values import Json
from sallyport.wdl.workflow import ConnectionReference, Workflow

WORKFLOW = "Microsoft.Logic/workflows"
CONNECTION = "Microsoft.Web/connections"
#: Resources that only hold other resources; they are followed, and need no mention. Nor do connections: nobody signs in
#: to them here.
_FOLLOWED = frozenset({"microsoft.resources/deployments"})


def load(document: Mapping[str, Json], given: Mapping[str, Json], environment: Environment) -> list[Workflow]:
    """Answer the workflows of an ARM template, those that others depend on first."""
    scope = template.open_template(document, parameters=given, environment=environment)
    report = scope.report
    declared.check(document, given, report)
    found = []
    for resource in template.resources(scope):
        if resource.is_a(WORKFLOW):
            found.append(resource)
        elif not resource.is_a(CONNECTION) and resource.type.casefold() not in _FOLLOWED:
            report.note(f"The resource '{resource.name}' of the type '{resource.type}' is not imported.")
    workflows = [_of_template(resource) for resource in _ordered(found)]
    if not workflows and report.problems:
        raise report.problems[0]
    return [_with_report(workflow, report, i == 0, workflows) for i, workflow in enumerate(workflows)]


def of_resource(resource: Mapping[str, Json], name: str) -> Workflow:
    """Answer the workflow of a resource, given with its `properties`."""
    properties = resource.get("properties")
    inside: dict[str, Json] = properties if isinstance(properties, dict) else {}
    definition = inside.get("definition")
    given = resource.get("name")
    parameters = template.parameter_values(inside.get("parameters"))
    return Workflow(
        name=given.rsplit("/", 1)[-1] if isinstance(given, str) and given else name,
        document=definition if isinstance(definition, dict) else {},
        kind=_text(resource.get("kind")) or _text(inside.get("kind")),
        parameters=dict(parameters),
        connections=connections(definition if isinstance(definition, dict) else {}, parameters, {**inside, **resource}),
        state=_state(inside.get("state")),
        notes=_not_heeded(inside),
        resource={
            **{key: value for key, value in resource.items() if key != "properties"},
            "properties": {key: value for key, value in inside.items() if key not in ("definition", "parameters")},
        },
    )


def _not_heeded(properties: Mapping[str, Json]) -> list[str]:
    parts = access_control.restricted(properties)
    if not parts:
        return []
    return [
        f"The 'accessControl' of {', '.join(parts)} lets only certain callers in, which is not heeded: whoever has "
        "a signed address may call it from anywhere."
    ]


def connections(
    definition: Mapping[str, Json], parameters: Mapping[str, Json], around: Mapping[str, Json]
) -> dict[str, ConnectionReference]:
    """Answer the connections that a workflow names: in `$connections`, or beside a definition of the newer form."""
    listed: Json = parameters.get("$connections")
    if listed is None:
        declared = definition.get("parameters")
        declaration = declared.get("$connections") if isinstance(declared, dict) else None
        listed = declaration.get("defaultValue") if isinstance(declaration, dict) else None
    found: dict[str, Json] = dict(listed) if isinstance(listed, dict) else {}
    for key in ("connectionReferences", "connections"):
        beside = around.get(key)
        if isinstance(beside, dict):
            found = {**beside, **found}
    return {key: _connection(key, raw) for key, raw in found.items() if isinstance(raw, dict)}


def _connection(key: str, raw: dict[str, Json]) -> ConnectionReference:
    return ConnectionReference(
        key=key,
        connection_id=_text(raw.get("connectionId")) or _inner_id(raw.get("connection")),
        connection_name=_text(raw.get("connectionName")) or "",
        api_id=_text(raw.get("id")) or _inner_id(raw.get("api")),
        raw=raw,
    )


def _of_template(resource: Resource) -> Workflow:
    evaluated: dict[str, Json] = {
        key: resource.value(key)
        for key in ("kind", "location", "tags", "identity", "properties")
        if resource.raw.get(key) is not None
    }
    evaluated["name"] = resource.name
    workflow = of_resource(evaluated, resource.name)
    scope = resource.scope
    if not workflow.document:
        problem = TemplateError("The workflow has no definition.", pointer=f"{resource.pointer}/properties/definition")
        scope.report.problems.append(problem)
    return replace(workflow, pointer=f"{resource.pointer}/properties/definition")


def _with_report(workflow: Workflow, report: Report, is_first: bool, workflows: Sequence[Workflow]) -> Workflow:
    """Answer the workflow with its part of the report; what belongs to no workflow goes to the first."""
    places = [_resource_of(each) for each in workflows]
    mine = _resource_of(workflow)
    problems = [
        error
        for error in report.problems
        if _is_below(error.pointer, mine) or (is_first and not any(_is_below(error.pointer, each) for each in places))
    ]
    return replace(
        workflow,
        notes=[*workflow.notes, *report.notes],
        problems=tuple(_finding(error) for error in problems),
        missing=tuple(report.missing),
        unresolved=tuple(report.unresolved),
    )


def _resource_of(workflow: Workflow) -> str:
    return workflow.pointer.removesuffix("/properties/definition")


def _is_below(pointer: str, place: str) -> bool:
    return pointer == place or pointer.startswith(place + "/")


def _finding(error: TemplateError) -> Finding:
    where = "" if error.column is None else f" (column {error.column} of the expression)"
    return Finding("error", error.code, error.pointer, f"{error.message}{where}")


def _ordered(found: Sequence[Resource]) -> list[Resource]:
    """Answer resources so that each comes after those it depends on; a circle keeps the order of the file."""
    stated = {id(each): _dependencies(each) for resource in found for each in _from_outside(resource)}
    needs = {id(each): set[str]().union(*(stated[id(one)] for one in _from_outside(each))) for each in found}
    names = {id(each): _names(each) for each in found}
    waiting, ordered = list(found), list[Resource]()
    # Several may have one name in common: the deployment that they are in, or the loop that made them.
    awaited = Counter(name for each in found for name in names[id(each)])

    def is_ready(each: Resource) -> bool:
        return not any(awaited[need] for need in needs[id(each)] - names[id(each)])

    while waiting:
        ready = next(filter(is_ready, waiting), waiting[0])
        waiting.remove(ready)
        awaited.subtract(names[id(ready)])
        ordered.append(ready)
    return ordered


def _from_outside(resource: Resource) -> tuple[Resource, ...]:
    """Answer the deployments that a resource is in, outermost first, and the resource itself."""
    return (*(each for each in resource.around if each.type.casefold() in _FOLLOWED), resource)


def _dependencies(resource: Resource) -> set[str]:
    listed = resource.value("dependsOn")
    return {each.casefold() for each in listed if isinstance(each, str)} if isinstance(listed, list) else set()


def _names(resource: Resource) -> set[str]:
    """Answer the ways in which `dependsOn` may name a resource, by itself or by the deployment that it is in."""
    found = [
        text
        for each in _from_outside(resource)
        for text in (each.name, f"{each.type}/{each.name}", _id_of(each), *each.aliases)
    ]
    return {text.casefold() for text in found}


def _id_of(resource: Resource) -> str:
    try:
        return resource.id
    except TemplateError:  # a name with more or fewer parts than its type; it is still known by its name
        return resource.name


def _state(value: Json) -> Literal["Enabled", "Disabled"]:
    return "Disabled" if isinstance(value, str) and value.casefold() == "disabled" else "Enabled"


def _inner_id(value: Json) -> str:
    return (_text(value.get("id")) or "") if isinstance(value, dict) else ""


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
