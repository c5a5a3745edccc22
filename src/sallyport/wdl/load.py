"""Finds the workflows in a file, however it wraps them.

The rule to know: a bare definition, `{definition}`, a workflow resource, a Standard workflow.json, a Power Automate
export and an ARM template all become the same `Workflow`; ARM expressions are evaluated here, once, workflow
expressions never.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from sallyport.arm import environment as arm_environment
from sallyport.arm import template
from sallyport.errors import BadRequest
from sallyport.wdl import strict_json, template_workflows
from sallyport.wdl.values import Json
from sallyport.wdl.workflow import ConnectionReference, Workflow

__all__ = ["ConnectionReference", "NotAWorkflow", "Workflow", "load"]


class NotAWorkflow(BadRequest):
    """Raised when a file is JSON, but holds no workflow that the loader knows."""

    code = "InvalidTemplate"


def load(
    data: bytes | str,
    *,
    name: str,
    parameters: Mapping[str, Json] | None = None,
    environment: arm_environment.Environment = arm_environment.LOCAL,
) -> list[Workflow]:
    """Answer the workflows of a file, in the order in which they can be deployed.

    `name` is for a workflow that the file does not name. `parameters` are values for the parameters of a template, or
    of the workflow when the file is not a template; a parameter file may be given as it is. Raises InvalidJsonError,
    NotAWorkflow, or TemplateError when a template as a whole cannot be evaluated.
    """
    document, notes = strict_json.read(data)
    workflows = load_document(document, name=name, parameters=parameters, environment=environment)
    return [replace(workflow, notes=[*notes, *workflow.notes]) for workflow in workflows]


def load_document(
    document: Json,
    *,
    name: str,
    parameters: Mapping[str, Json] | None = None,
    environment: arm_environment.Environment = arm_environment.LOCAL,
) -> list[Workflow]:
    """Answer the workflows of a JSON value; otherwise like `load`."""
    given = template.parameter_values(dict(parameters or {}))
    if not isinstance(document, dict):
        raise NotAWorkflow("The file holds no workflow: it is not a JSON object.")
    if template.is_template(document):
        return template_workflows.load(document, given, environment)
    workflow = _unwrapped(document, name)
    return [replace(workflow, parameters={**workflow.parameters, **given})]


def holds_workflow(document: Json) -> bool:
    """Answer whether a JSON value holds a workflow, as far as its outer form says."""
    if template.is_template(document):
        return "microsoft.logic/workflows" in re.sub(r"\s", "", str(document)).casefold()
    try:
        return isinstance(document, dict) and bool(_unwrapped(document, ""))
    except NotAWorkflow:
        return False


def _unwrapped(document: dict[str, Json], name: str) -> Workflow:
    properties = document.get("properties")
    if isinstance(properties, dict) and isinstance(properties.get("definition"), dict):
        return of_resource(document, name, "/properties")
    files = properties.get("files") if isinstance(properties, dict) else None
    inner = files.get("workflow.json") if isinstance(files, dict) else None
    if isinstance(inner, dict):
        workflow = _unwrapped(inner, str(document.get("name", name)).rsplit("/", 1)[-1])
        return replace(workflow, pointer=f"/properties/files/workflow.json{workflow.pointer}")
    if isinstance(document.get("definition"), dict):
        around: dict[str, Json] = {key: value for key, value in document.items() if key != "kind"}
        return replace(of_resource({"properties": around}, name, ""), kind=_text(document.get("kind")))
    if "actions" in document or "triggers" in document:
        return Workflow(name=name, document=document, connections=template_workflows.connections(document, {}, {}))
    raise NotAWorkflow("The file holds no workflow: it has neither a definition nor actions and triggers.")


def of_resource(resource: dict[str, Json], name: str, place: str) -> Workflow:
    """Answer the workflow in a resource whose `properties.definition` is at `place` + "/definition" of the file."""
    workflow = template_workflows.of_resource(resource, name)
    inner, pointer = workflow.document, f"{place}/definition"
    while "actions" not in inner and isinstance(inner.get("definition"), dict):
        inner, pointer = inner["definition"], f"{pointer}/definition"  # type: ignore[assignment]  # a dict, as just seen
    return replace(workflow, document=inner, pointer=pointer)


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
