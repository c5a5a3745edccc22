"""Workflows: list, read, save, delete, enable, disable, validate, and their access keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from sallyport.engine.library import Deployment
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import BadRequest, NotFound
from sallyport.management import shapes
from sallyport.management.call import READ, WRITE, Call, Deps, answer, page, route
from sallyport.store import workflows as stored
from sallyport.triggers import checking
from sallyport.wdl import definition
from sallyport.web import bodies

SUBSCRIPTION = "/subscriptions/{subscription}"
GROUP = SUBSCRIPTION + "/resourceGroups/{group}"
WORKFLOWS = "/providers/Microsoft.Logic/workflows"
WORKFLOW = GROUP + WORKFLOWS + "/{workflow}"

#: How deep a definition may nest: eight containers, each of several levels of JSON, and what authors put into them.
_DEFINITION_DEPTH = 200
_STATES = {"enabled": "Enabled", "disabled": "Disabled"}


class InvalidWorkflow(BadRequest):
    """Raised when the body of a save is not a workflow, or its definition has errors."""

    code = "InvalidTemplate"


async def listed(call: Call) -> Response:
    """Answer every workflow."""
    top, skip = call.number("$top", 100, 1000), call.number("$skiptoken", 0, 10**9)
    found = await call.engine.library.listed()
    return page(call, [shapes.workflow(each, call.origin()) for each in found[skip : skip + top]], top=top, skip=skip)


async def get(call: Call) -> Response:
    """Answer a workflow."""
    return answer(shapes.workflow(await call.workflow(), call.origin()))


async def save(call: Call) -> Response:
    """Store a workflow; read-only members that come back with it are ignored."""
    body = await bodies.read_json(call.request, call.deps.body_limit_bytes, _DEFINITION_DEPTH)
    saved = await _save(call, body)
    return answer(shapes.workflow(saved, call.origin()))


async def change(call: Call) -> Response:
    """Change a workflow's tags or state and keep the rest."""
    body = await bodies.read_json(call.request, call.deps.body_limit_bytes)
    if not isinstance(body, dict):
        raise InvalidWorkflow("The body of a workflow must be an object.")
    before = shapes.workflow(await call.workflow(), call.origin())
    merged = {**before, **body, "properties": {**before["properties"], **(body.get("properties") or {})}}
    return answer(shapes.workflow(await _save(call, merged), call.origin()))


async def delete(call: Call) -> Response:
    """Forget a workflow; one that is not there is gone already."""
    try:
        workflow = await call.workflow()
    except NotFound:
        return Response(status_code=204)
    await call.engine.library.delete(workflow)
    await call.deps.triggers.synchronise(workflow)
    return Response(status_code=200)


async def enable(call: Call) -> Response:
    """Let a workflow's triggers fire again."""
    return await _set_state(call, "Enabled")


async def disable(call: Call) -> Response:
    """Keep a workflow's triggers from firing; runs that are going on go on."""
    return await _set_state(call, "Disabled")


async def validate(call: Call) -> Response:
    """Answer 200 when a definition could be saved."""
    body = await bodies.read_json(call.request, call.deps.body_limit_bytes, _DEFINITION_DEPTH)
    _deployment("validated", body, call.engine.clock.now())
    return Response(status_code=200)


async def regenerate_access_key(call: Call) -> Response:
    """Give a workflow another key, which revokes its callback addresses."""
    workflow = await call.workflow()
    await call.engine.library.regenerate_access_key(workflow)
    await call.deps.triggers.synchronise(workflow)
    return Response(status_code=200)


async def version(call: Call) -> Response:
    """Answer a workflow as it was at one version."""
    number = call.name("version")
    if not number.isdigit():
        raise stored.WorkflowNotFound(f"The version '{number}' could not be found.")
    current = await call.workflow()
    found = await call.engine.library.at_version(current.id, int(number))
    shown = shapes.workflow(found, call.origin())
    return answer({**shown, "id": f"{found.resource_id}/versions/{number}", "name": number})


def routes(deps: Deps) -> list[Route]:
    """Answer the routes of workflows."""
    located = GROUP + "/providers/Microsoft.Logic/locations/{location}/workflows/{workflow}/validate"
    return [
        route(deps, "GET", SUBSCRIPTION + WORKFLOWS, READ, listed),
        route(deps, "GET", GROUP + WORKFLOWS, READ, listed),
        route(deps, "GET", WORKFLOW, READ, get),
        route(deps, "PUT", WORKFLOW, WRITE, save),
        route(deps, "PATCH", WORKFLOW, WRITE, change),
        route(deps, "DELETE", WORKFLOW, WRITE, delete),
        route(deps, "POST", WORKFLOW + "/enable", WRITE, enable),
        route(deps, "POST", WORKFLOW + "/disable", WRITE, disable),
        route(deps, "POST", WORKFLOW + "/validate", READ, validate),
        route(deps, "POST", located, READ, validate),
        route(deps, "POST", WORKFLOW + "/regenerateAccessKey", WRITE, regenerate_access_key),
        route(deps, "GET", WORKFLOW + "/versions/{version}", READ, version),
    ]


async def _save(call: Call, body: Any) -> DeployedWorkflow:
    deployment = _deployment(call.name("workflow"), body, call.engine.clock.now())
    saved = await call.engine.library.save(deployment)
    await call.deps.triggers.synchronise(saved)
    return saved


async def _set_state(call: Call, state: str) -> Response:
    workflow = await call.workflow()
    await call.engine.library.set_state(workflow, state)
    await call.deps.triggers.synchronise(await call.workflow())
    return Response(status_code=200)


def _deployment(name: str, body: Any, now: datetime) -> Deployment:
    properties = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict) or not isinstance(properties.get("definition"), dict):
        raise InvalidWorkflow("The body must have 'properties' with a 'definition' object.")
    parameters = _values(properties.get("parameters"))
    connections = parameters.pop("$connections", {})
    state = _STATES.get(str(properties.get("state") or "Enabled").casefold())
    if state is None:
        raise InvalidWorkflow(f"The state '{properties['state']}' is not one: Enabled or Disabled is expected.")
    document = properties["definition"]
    kind = body.get("kind")
    parsed = definition.parse(document, kind=kind if isinstance(kind, str) else None)
    checking.demand(parsed, {**parameters, "$connections": connections}, now)
    return Deployment(
        name=name,
        document=document,
        parameters=parameters,
        connections=connections if isinstance(connections, dict) else {},
        state=state,
        kind=kind if isinstance(kind, str) else None,
        tags=body.get("tags") if isinstance(body.get("tags"), dict) else None,
    )


def _values(parameters: Any) -> dict[str, Any]:
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise InvalidWorkflow("The 'parameters' must be an object of '{\"value\": ...}' objects.")
    return {name: each.get("value") if isinstance(each, dict) else each for name, each in parameters.items()}
