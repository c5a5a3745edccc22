"""A workflow that can be called, described as Swagger 2.0: its address, what it takes and what it answers.

The rule: everything here is said by the definition; the signature, which is a secret, is not part of it.
https://swagger.io/specification/v2/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from sallyport.engine.workflow import DeployedWorkflow
from sallyport.wdl.definition import Trigger
from sallyport.web import signed_urls

#: What a JSON schema says of itself, which a schema in this document may not.
_OF_SCHEMA = frozenset({"$schema", "id", "definitions"})
#: Methods of which a body says nothing.
_WITHOUT_BODY = frozenset({"get", "delete"})


def described(workflow: DeployedWorkflow, trigger: Trigger, origin: str) -> dict[str, Any]:
    """Answer the description of a workflow that is called at one of its triggers."""
    at = urlsplit(origin)
    method, schema = method_of(trigger).lower(), schema_of(trigger)
    operation = {
        "operationId": f"{trigger.name}-invoke",
        "description": "Trigger a run of the workflow.",
        "parameters": [*_queries(trigger), *_in_path(trigger), *([] if method in _WITHOUT_BODY else [_body(schema)])],
        "responses": dict(_responses(workflow)) or {"202": {"description": "The run was accepted."}},
    }
    return {
        "swagger": "2.0",
        "info": {"title": workflow.name, "version": str(workflow.version)},
        "host": at.netloc,
        "basePath": f"/workflows/{workflow.id}/triggers",
        "schemes": [at.scheme],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "paths": {f"/{quote(trigger.name, safe='')}/paths/invoke{relative_template(trigger)}": {method: operation}},
        # Where references inside of the schema lead, now that it is part of this document.
        "definitions": schema.get("definitions", {}),
    }


def inputs_of(trigger: Trigger) -> dict[str, Any]:
    """Answer the inputs of a trigger, as its author wrote them."""
    inputs = trigger.raw.get("inputs")
    return inputs if isinstance(inputs, dict) else {}


def method_of(trigger: Trigger) -> str:
    """Answer the method by which a trigger is called."""
    return str(inputs_of(trigger).get("method") or "POST").upper()


def schema_of(trigger: Trigger) -> dict[str, Any]:
    """Answer the JSON schema of what a trigger is called with; one that takes anything, where it states none."""
    schema = inputs_of(trigger).get("schema")
    return schema if isinstance(schema, dict) else {}


def path_parameters(trigger: Trigger) -> list[str]:
    """Answer the names of what a caller fills into a trigger's path."""
    return [part[1:-1] for part in _relative(trigger).split("/") if part.startswith("{")]


def relative_template(trigger: Trigger) -> str:
    """Answer what follows the address of a trigger, as part of a URL: what stands in braces is for the caller."""
    parts = _relative(trigger).split("/")
    quoted = "/".join(part if part.startswith("{") else quote(part, safe="") for part in parts)
    return f"/{quoted}" if quoted else ""


def _relative(trigger: Trigger) -> str:
    relative = inputs_of(trigger).get("relativePath")
    return relative.strip("/") if isinstance(relative, str) else ""


def _queries(trigger: Trigger) -> Iterator[dict[str, Any]]:
    known = {
        "api-version": ("The version of the interface.", signed_urls.API_VERSION),
        "sp": ("What the address allows.", signed_urls.trigger_permission(trigger.name)),
        "sv": ("The version of the signature.", signed_urls.VERSION),
        "sig": ("The signature, which listCallbackUrl answers.", None),
    }
    for name, (about, default) in known.items():
        stated = {} if default is None else {"default": default}
        yield {"name": name, "in": "query", "description": about, "required": True, "type": "string", **stated}


def _in_path(trigger: Trigger) -> list[dict[str, Any]]:
    return [{"name": name, "in": "path", "required": True, "type": "string"} for name in path_parameters(trigger)]


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in schema.items() if name not in _OF_SCHEMA}
    return {"name": "body", "in": "body", "required": False, "schema": shown}


def _responses(workflow: DeployedWorkflow) -> Iterator[tuple[str, dict[str, Any]]]:
    """Answer what the Response actions say; one whose status is worked out when it runs is the default."""
    for action in workflow.definition.actions.values():
        inputs = action.raw.get("inputs")
        if action.type != "Response" or not isinstance(inputs, dict):
            continue
        status = str(inputs.get("statusCode", 200))
        schema = inputs.get("schema")
        shown = {"schema": schema} if isinstance(schema, dict) else {}
        yield status if status.isdecimal() else "default", {"description": f"What '{action.name}' answers.", **shown}
