"""Workflows: list, read, save, delete, enable, disable, validate, and their access keys.

Deviation: a workflow has one access key; addresses that are asked for with the secondary one are signed with it, and a
secondary key cannot be regenerated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from sallyport.engine.outcome import EndsRun
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import BadRequest, NotFound
from sallyport.management import filters, resource, shapes
from sallyport.management.call import NUMBER, READ, WRITE, Call, Deps, answer, page, route
from sallyport.statuses import Status
from sallyport.store import workflows as stored
from sallyport.web import bodies

SUBSCRIPTION = "/subscriptions/{subscription}"
GROUP = SUBSCRIPTION + "/resourceGroups/{group}"
WORKFLOWS = "/providers/Microsoft.Logic/workflows"
WORKFLOW = GROUP + WORKFLOWS + "/{workflow}"

#: How deep a definition may nest: eight containers, each of several levels of JSON, and what authors put into them.
_DEFINITION_DEPTH = 200
#: As large as a file may be that the command line reads.
_DEFINITION_BYTES = 8 * 1024 * 1024
#: The largest number that the store keeps for a version.
_MOST_VERSIONS = 2**31 - 1
#: How the runs of a workflow end that is deleted.
_DELETED = EndsRun(Status.CANCELLED, "WorkflowRunCancelled", "The workflow was deleted.")


class OneKeyOnly(BadRequest):
    """Raised when the secondary key is to be regenerated, which would revoke what the primary one has signed."""

    def __init__(self, workflow: str) -> None:
        super().__init__(
            f"The workflow '{workflow}' has one access key, the primary one: to give it another revokes every address."
        )


async def listed(call: Call) -> Response:
    """Answer every workflow that the filter selects."""
    top, skip = call.number("$top", 100, 1000), call.number("$skiptoken", 0, 10**9)
    selects = filters.workflows(call)
    found = [each for each in await call.engine.library.listed() if selects(each)]
    return page(call, [shapes.workflow(each, call.origin()) for each in found[skip : skip + top]], top=top, skip=skip)


async def get(call: Call) -> Response:
    """Answer a workflow."""
    return answer(shapes.workflow(await call.workflow(), call.origin()))


async def save(call: Call) -> Response:
    """Store a workflow; read-only members that come back with it are ignored."""
    body = await _definition(call)
    return answer(shapes.workflow(await _save(call, lambda _: body), call.origin()))


async def change(call: Call) -> Response:
    """Change a workflow's tags or state and keep the rest."""
    # Microsoft's SDK sends no body at all, which changes nothing.
    body = await _given(call)
    if not isinstance(body, dict):
        raise resource.InvalidWorkflow("The body of a workflow must be an object.")
    changed = body.get("properties") or {}
    if not isinstance(changed, dict):
        raise resource.InvalidWorkflow("The 'properties' of a workflow must be an object.")

    def merged(before: DeployedWorkflow | None) -> dict[str, Any]:
        if before is None:
            raise stored.WorkflowNotFound(f"The workflow '{call.name('workflow')}' could not be found.")
        shown = shapes.workflow(before, call.origin(), whole=True)
        return {**shown, **body, "properties": {**shown["properties"], **changed}}

    return answer(shapes.workflow(await _save(call, merged), call.origin()))


async def delete(call: Call) -> Response:
    """Cancel a workflow's runs and forget it; one that is not there is gone already."""
    try:
        workflow = await call.workflow()
    except NotFound:
        return Response(status_code=204)
    # From here on nobody starts another run of it.
    await call.engine.library.set_state(workflow, "Disabled")
    await call.engine.end_all(workflow.id, _DELETED)
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
    body = await _definition(call)
    resource.deployment("validated", body, call.engine.clock.now(), call.deps.definition_limits)
    return Response(status_code=200)


async def regenerate_access_key(call: Call) -> Response:
    """Give a workflow another key, which revokes its callback addresses; `keyType` may say Primary."""
    workflow = await call.workflow()
    body = await _given(call)
    kind = body.get("keyType") if isinstance(body, dict) else None
    if isinstance(kind, str) and kind.casefold() == "secondary":
        raise OneKeyOnly(workflow.name)
    await call.engine.library.regenerate_access_key(workflow)
    await call.deps.triggers.synchronise(workflow)
    return Response(status_code=200)


async def versions(call: Call) -> Response:
    """Answer a workflow as it was at each of its versions, the latest first."""
    current = await call.workflow()
    top, skip = call.number("$top", 30, 100), call.number("$skiptoken", 0, 10**9)
    found = await call.engine.library.versions(current.id, top, skip)
    return page(call, [_version(each, call) for each in found], top=top, skip=skip)


async def version(call: Call) -> Response:
    """Answer a workflow as it was at one version."""
    number = call.name("version")
    if NUMBER.fullmatch(number) is None or int(number) > _MOST_VERSIONS:
        raise stored.WorkflowNotFound(f"The version '{number}' could not be found.")
    current = await call.workflow()
    return answer(_version(await call.engine.library.at_version(current.id, int(number)), call))


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
        route(deps, "GET", WORKFLOW + "/versions", READ, versions),
        route(deps, "GET", WORKFLOW + "/versions/{version}", READ, version),
    ]


def _version(found: DeployedWorkflow, call: Call) -> dict[str, Any]:
    name = str(found.version)
    named = {"id": f"{found.resource_id}/versions/{name}", "name": name, "type": "Microsoft.Logic/workflows/versions"}
    return {**shapes.workflow(found, call.origin()), **named}


async def _given(call: Call) -> Any:
    """Answer the body of a call that need not have one, without which it is an empty object."""
    raw = await bodies.read_bytes(call.request, min(call.deps.body_limit_bytes, _DEFINITION_BYTES))
    return bodies.parse(raw, _DEFINITION_DEPTH, exact=True) if raw else {}


async def _definition(call: Call) -> Any:
    limit = min(call.deps.body_limit_bytes, _DEFINITION_BYTES)
    return await bodies.read_json(call.request, limit, _DEFINITION_DEPTH, exact=True)


async def _save(call: Call, wanted: Callable[[DeployedWorkflow | None], Any]) -> DeployedWorkflow:
    """Store what is wanted in place of what is there; asks again when somebody else has saved meanwhile."""
    name, limits = call.name("workflow"), call.deps.definition_limits
    while True:
        before = await _before(call)
        deployment = resource.deployment(name, wanted(before), call.engine.clock.now(), limits, before)
        try:
            saved = await call.engine.library.save(deployment, before)
        except stored.Overtaken:
            continue
        await call.deps.triggers.synchronise(saved)
        return saved


async def _before(call: Call) -> DeployedWorkflow | None:
    try:
        return await call.workflow()
    except NotFound:
        return None


async def _set_state(call: Call, state: str) -> Response:
    workflow = await call.workflow()
    await call.engine.library.set_state(workflow, state)
    await call.deps.triggers.synchronise(await call.workflow())
    return Response(status_code=200)
