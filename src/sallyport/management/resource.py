"""Reads the body of a save: a workflow that can be stored, or what keeps it from being stored.

The rule: what `sallyport validate` calls an error is refused here, each with its place; a warning keeps nothing back. A
client that saves what it was shown was not shown secrets, and takes none away.

Deviation: a save whose `accessControl` lets only certain callers in, by their address or without a signed one, is
refused, and `sallyport deploy` notes that it is not heeded; limit callers in front of the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sallyport.actions import ACTIONS
from sallyport.engine.library import Deployment
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import BadRequest
from sallyport.triggers import TRIGGERS, checking
from sallyport.wdl import access_control, definition
from sallyport.wdl.check import check
from sallyport.wdl.definition import MISSING, Definition, InvalidDefinition
from sallyport.wdl.findings import Finding, Limits
from sallyport.wdl.workflow import may_be_named

_STATES = {"enabled": "Enabled", "disabled": "Disabled"}
#: What an entry of `$connections` may say, and as what.
_OF_CONNECTION: Mapping[str, type] = {
    "id": str,
    "connectionId": str,
    "connectionName": str,
    "api": dict,
    "connectionProperties": dict,
}
_LONGEST_KIND = 16
#: How many errors of a definition are told at once.
_MOST_TOLD = 10


class InvalidWorkflow(BadRequest):
    """Raised when the body of a save is not a workflow."""

    code = "InvalidTemplate"


class InvalidName(BadRequest):
    """Raised when a workflow cannot have the name that the path gives it."""

    code = "InvalidResourceName"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The workflow name '{name[:100]}' is not valid: 1 to 80 letters, digits, hyphens, underscores, periods "
            "and parentheses are allowed, and no period at the end."
        )
        self.name = name


class AccessNotControlled(InvalidWorkflow):
    """Raised when a save asks to let only certain callers in, which would not be done."""

    def __init__(self, parts: Sequence[str]) -> None:
        super().__init__(
            f"The 'accessControl' of {', '.join(parts)} lets only certain callers in, which this server does not "
            "heed: limit them in front of it, and save the workflow without 'allowedCallerIpAddresses' and "
            "'sasAuthenticationPolicy'."
        )
        self.parts = parts


class DefinitionRefused(InvalidWorkflow):
    """Raised when a definition has errors; `findings` are all of them."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        told = [f"{each.message} (at {each.pointer or '/'})" for each in findings[:_MOST_TOLD]]
        if len(findings) > _MOST_TOLD:
            told.append(f"And {len(findings) - _MOST_TOLD} more.")
        super().__init__(" ".join(told))
        self.findings = findings


def deployment(
    name: str, body: Any, now: datetime, limits: Limits, before: DeployedWorkflow | None = None
) -> Deployment:
    """Answer what a body wants stored in place of what was there before.

    Raises InvalidWorkflow, InvalidName, InvalidRecurrence, InvalidBatch.
    """
    if not may_be_named(name):
        raise InvalidName(name)
    properties = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict) or not isinstance(properties.get("definition"), dict):
        raise InvalidWorkflow("The body must have 'properties' with a 'definition' object.")
    if parts := access_control.restricted(properties):
        raise AccessNotControlled(parts)
    parameters = _values(properties.get("parameters"))
    connections = _connections(parameters.pop("$connections", None))
    state = _STATES.get(str(properties.get("state") or "Enabled").casefold())
    if state is None:
        raise InvalidWorkflow(f"The state '{properties['state']}' is not one: Enabled or Disabled is expected.")
    document, kind = properties["definition"], _kind(body.get("kind"))
    parsed = _parsed(document, kind)
    if before is not None:
        parameters = {**_not_shown(before, parsed, parameters), **parameters}
    supplied = {**parameters, "$connections": connections}
    _demand_sound(parsed, supplied, limits)
    checking.demand(parsed, supplied, now)
    return Deployment(
        name=name,
        document=document,
        parameters=parameters,
        connections=connections,
        state=state,
        kind=kind,
        tags=body.get("tags") if isinstance(body.get("tags"), dict) else None,
    )


def _kind(stated: Any) -> str | None:
    """Answer the kind of a Standard workflow; None for any other."""
    if isinstance(stated, str) and len(stated) > _LONGEST_KIND:
        raise InvalidWorkflow(f"The kind '{stated[:100]}' is not one: Stateful or Stateless is expected.")
    return stated if isinstance(stated, str) else None


def _not_shown(before: DeployedWorkflow, parsed: Definition, given: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the values that secure parameters had, of those that a body leaves without one."""
    names = {name.casefold() for name in given}
    had = {name.casefold(): value for name, value in before.parameters.items()}
    secure = {name.casefold() for name, each in before.definition.parameters.items() if each.secure}
    without = [name for name, each in parsed.parameters.items() if each.secure and each.default is MISSING]
    kept = [name for name in without if name.casefold() in (had.keys() & secure) - names]
    return {name: had[name.casefold()] for name in kept}


def _parsed(document: Any, kind: str | None) -> Definition:
    try:
        return definition.parse(document, kind=kind)
    except InvalidDefinition as error:
        raise DefinitionRefused([Finding("error", error.code, error.pointer, error.message)]) from None


def _demand_sound(parsed: Definition, supplied: dict[str, Any], limits: Limits) -> None:
    findings = check(parsed, action_types=ACTIONS, trigger_types=TRIGGERS, limits=limits, supplied=supplied)
    found = [each for each in findings if each.severity == "error"]
    if found:
        raise DefinitionRefused(found)


def _connections(value: Any) -> dict[str, Any]:
    """Answer the entries of `$connections`, once they are what a run can be bound by."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidWorkflow("The value of '$connections' must be an object.")
    for key, entry in value.items():
        if not isinstance(entry, dict):
            raise InvalidWorkflow(f"The connection '{key}' in '$connections' must be an object.")
        for name, kind in _OF_CONNECTION.items():
            if not isinstance(entry.get(name), kind | None):
                what = "a text" if kind is str else "an object"
                raise InvalidWorkflow(f"The '{name}' of the connection '{key}' in '$connections' must be {what}.")
    return value


def _values(parameters: Any) -> dict[str, Any]:
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise InvalidWorkflow("The 'parameters' must be an object of '{\"value\": ...}' objects.")
    return {name: each.get("value") if isinstance(each, dict) else each for name, each in parameters.items()}
