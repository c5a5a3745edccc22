"""Makes of a workflow in a file what a server stores: its connections bound by name, its parameters complete. Pure.

The rule: the key of a connection is its author's choice; which connector it means says the id of its entry, the command
line, or, when both are silent, the key itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sallyport.cli.sources import Given, Source, Unusable
from sallyport.store import documents
from sallyport.wdl.definition import pointer_to
from sallyport.wdl.values import Json
from sallyport.wdl.workflow import Workflow

_SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000000"
_APIS = f"{_SUBSCRIPTION}/providers/Microsoft.Web/locations/local/managedApis"
_CONNECTIONS = f"{_SUBSCRIPTION}/resourceGroups/sallyport/providers/Microsoft.Web/connections"
#: How expressions name a connection; in JSON text, quotation marks of expressions stand as they are.
_NAMED = re.compile(r"parameters\('\$connections'\)\??\['((?:[^']|'')+)'\]", re.IGNORECASE)
_API_ID = re.compile(r"(?:managedApis|customApis|apis)/(?P<name>[^/]+)/?$", re.IGNORECASE)
#: What designers add to the key of a second connection.
_COUNTED = re.compile(r"[-_]\d+$")


@dataclass(frozen=True, slots=True)
class Missing:
    """A parameter that has neither a value nor a default."""

    name: str
    type: str
    description: str


def resource(workflow: Workflow, source: Source, given: Given) -> dict[str, Any]:
    """Answer the body with which a workflow is stored."""
    bound = connections(workflow, source, given)
    document = declaring(workflow.document, bound)
    parameters = {name: {"value": value} for name, value in workflow.parameters.items() if name != "$connections"}
    if bound:
        parameters["$connections"] = {"value": bound}
    body: dict[str, Any] = {
        "location": "local",
        "properties": {
            "state": "Disabled" if given.disabled else workflow.state,
            "definition": document,
            "parameters": parameters,
        },
    }
    tags = workflow.resource.get("tags")
    if isinstance(tags, dict):
        body["tags"] = tags
    if workflow.kind is not None:
        body["kind"] = workflow.kind
    return body


def declaring(document: Mapping[str, Json], bound: Mapping[str, Json]) -> dict[str, Json]:
    """Answer a definition that declares the parameter through which its actions reach their connections."""
    declared = document.get("parameters")
    if not bound or not isinstance(declared, dict | None):
        return dict(document)
    listed: dict[str, Json] = {"$connections": {"type": "Object", "defaultValue": {}}}
    return {**document, "parameters": {**listed, **(declared or {})}}


def connections(workflow: Workflow, source: Source, given: Given) -> dict[str, Json]:
    """Answer the value of `$connections`: an entry for each connection that the workflow lists or names.

    Raises Unusable when the command line binds a connection that the workflow does not have.
    """
    beside = _beside(source.connections)
    keys = dict.fromkeys([*workflow.connections, *named(workflow.document)])
    for key in given.connections:
        if key not in keys:
            known = ", ".join(keys) or "none"
            raise Unusable(f"The workflow '{workflow.name}' has no connection '{key}'. Its connections: {known}.")
    return {key: _entry(key, workflow, beside.get(key), given.connections.get(key)) for key in keys}


def strangers(bound: Mapping[str, Json], known: Collection[str]) -> dict[str, str]:
    """Answer a sentence for each connection, by its key, that belongs to an API for which no connector is known."""
    from sallyport.connectors import catalog

    there = ", ".join(sorted({*known, *catalog.SAME_AS}))
    named = {key: catalog.api_id(str(_object(entry).get("id"))) for key, entry in bound.items()}
    return {
        key: f"There is no connector '{api}': what the connection '{key}' is used for will fail. "
        f"Where another one fits, bind it with --connection {key}=API. There are: {there}."
        for key, api in named.items()
        if api not in known
    }


def users(document: Mapping[str, Json], pointer: str = "") -> dict[str, str]:
    """Answer the JSON pointer of the first action or trigger that uses each connection, by the connection's key."""
    found: dict[str, str] = {}
    for name, value in document.items():
        place = pointer_to(pointer, name)
        if isinstance(value, dict):
            below = users(value, place) if name != "host" else dict.fromkeys(named(value), pointer)
            found = {**below, **found}
    return found


def missing(workflow: Workflow) -> list[Missing]:
    """Answer the parameters that somebody must still give a value."""
    found = [Missing(each.name, each.type, each.description or "") for each in workflow.missing]
    declared = workflow.document.get("parameters")
    values = {name.casefold() for name in workflow.parameters}
    for name, declaration in declared.items() if isinstance(declared, dict) else ():
        if name == "$connections" or name.casefold() in values or not isinstance(declaration, dict):
            continue
        if "defaultValue" not in declaration:
            metadata = declaration.get("metadata")
            text = metadata.get("description") if isinstance(metadata, dict) else ""
            found.append(Missing(name, str(declaration.get("type", "")), str(text or "")))
    return found


def demand(source: Source, workflows: list[Workflow]) -> None:
    """Raise Unusable when a parameter has no value, with a line for each."""
    wanted = {each.name: each for workflow in workflows for each in missing(workflow)}
    if not wanted:
        return
    lines = [
        f"  {each.name} ({each.type}){': ' + each.description if each.description else ''}" for each in wanted.values()
    ]
    example = next(iter(wanted))
    raise Unusable(
        "\n".join(
            [f"'{source.path}' needs values for:", *lines, f"Give them with --set {example}=... or --parameters FILE."]
        )
    )


def _entry(key: str, workflow: Workflow, beside: Json, api: str | None) -> Json:
    reference = workflow.connections.get(key)
    raw: Mapping[str, Json] = reference.raw if reference is not None else {}
    known = beside if isinstance(beside, dict) else {}
    stated = api or _api(reference.api_id if reference is not None else "") or _api_of_file(beside) or _api_of_key(key)
    name = (reference.connection_name if reference is not None else "") or key
    entry: dict[str, Json] = {
        "connectionId": (reference.connection_id if reference is not None else "") or f"{_CONNECTIONS}/{name}",
        "connectionName": name,
        "id": f"{_APIS}/{stated}",
    }
    properties = raw.get("connectionProperties") or known.get("connectionProperties")
    if properties:
        entry["connectionProperties"] = properties
    return entry


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def named(document: Mapping[str, Json]) -> list[str]:
    """Answer the keys of the connections that a definition's actions and triggers use."""
    text = documents.text(document)
    found = [match[1].replace("''", "'") for match in _NAMED.finditer(text)]
    found += re.findall(r'"referenceName":"([^"@]+)"', text)
    return found


def _beside(document: Mapping[str, Json]) -> dict[str, Json]:
    """Answer the entries of a `connections.json`: a Standard project's, or plain `{key: api}`."""
    listed = document.get("managedApiConnections")
    return dict(listed) if isinstance(listed, dict) else dict(document)


def _api_of_file(entry: Json) -> str:
    if isinstance(entry, str):
        return _api(entry) or entry
    if not isinstance(entry, dict):
        return ""
    inner = entry.get("api")
    stated = inner.get("id") if isinstance(inner, dict) else entry.get("id")
    return _api(stated) if isinstance(stated, str) else ""


def _api(api_id: str) -> str:
    match = _API_ID.search(api_id)
    return match["name"].casefold().removeprefix("shared_") if match else ""


def _api_of_key(key: str) -> str:
    return _COUNTED.sub("", key).casefold().removeprefix("shared_")
