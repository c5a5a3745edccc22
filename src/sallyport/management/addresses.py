"""Where a workflow is called, and with what: the addresses of its triggers, their schemas, and a description of it.

The rule: whoever may change a workflow is given its addresses; what it takes is told to whoever may read it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.routing import Route

from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import BadRequest
from sallyport.management import swagger
from sallyport.management.call import READ, WRITE, Call, Deps, answer, route
from sallyport.management.triggers import TRIGGER, named
from sallyport.management.workflows import WORKFLOW
from sallyport.odata import instants
from sallyport.store import documents
from sallyport.triggers.request import CALLABLE
from sallyport.wdl.definition import Trigger
from sallyport.web import bodies, signed_urls

#: Those that the workflow itself is called by; others are told their address when they subscribe.
_OF_WORKFLOW = ("Request", "Manual")


class NotCallable(BadRequest):
    """Raised when the callback address of a trigger is asked for that has none."""

    code = "TriggerRequestTypeInvalid"


async def list_callback_url(call: Call) -> Response:
    """Answer the signed address of a trigger that can be called; `notAfter` in the body lets it expire."""
    workflow = await call.workflow()
    return await _address(call, workflow, _callable(workflow, call.name("trigger")))


async def list_workflow_callback_url(call: Call) -> Response:
    """Answer the signed address of a workflow's Request trigger; `notAfter` in the body lets it expire."""
    workflow = await call.workflow()
    return await _address(call, workflow, _called(workflow))


async def schema_json(call: Call) -> Response:
    """Answer the JSON schema of what a trigger is called with, as text; where it states none, one that takes all."""
    workflow = await call.workflow()
    schema = swagger.schema_of(_callable(workflow, call.name("trigger")))
    title = {"title": schema["title"]} if isinstance(schema.get("title"), str) else {}
    return answer({**title, "content": documents.dumps(schema).decode()})


async def list_swagger(call: Call) -> Response:
    """Answer a workflow that can be called as Swagger 2.0, without the signature of its address."""
    workflow = await call.workflow()
    return answer(swagger.described(workflow, _called(workflow), _origin(call)))


def routes(deps: Deps) -> list[Route]:
    """Answer the routes of addresses."""
    return [
        route(deps, "POST", WORKFLOW + "/listCallbackUrl", WRITE, list_workflow_callback_url),
        route(deps, "POST", WORKFLOW + "/listSwagger", READ, list_swagger),
        route(deps, "POST", TRIGGER + "/listCallbackUrl", WRITE, list_callback_url),
        route(deps, "GET", TRIGGER + "/schemas/json", READ, schema_json),
    ]


async def _address(call: Call, workflow: DeployedWorkflow, trigger: Trigger) -> Response:
    raw = await bodies.read_bytes(call.request, call.deps.body_limit_bytes)
    body = bodies.parse(raw) if raw else {}
    expires = _expiry(body.get("notAfter")) if isinstance(body, dict) else ""
    url = signed_urls.trigger_url(_origin(call), workflow.id, workflow.access_key, trigger.name, expires)
    base, _, query = url.partition("?")
    shown: dict[str, Any] = {
        "value": f"{base}{swagger.relative_template(trigger)}?{query}",
        "method": swagger.method_of(trigger),
        "basePath": base,
        "queries": dict(parse_qsl(query)),
    }
    if swagger.relative_template(trigger):
        shown["relativePath"] = swagger.inputs_of(trigger)["relativePath"]
        shown["relativePathParameters"] = swagger.path_parameters(trigger)
    return answer(shown)


def _origin(call: Call) -> str:
    return call.deps.public_url or call.origin()


def _expiry(given: Any) -> str:
    """Answer the moment that `notAfter` names, in UTC, or nothing without one; raises BadRequest when it is none."""
    if given is None or given == "":
        return ""
    moment = instants.wire(given) if isinstance(given, str) else None
    if moment is None:
        raise BadRequest("'notAfter' must be a date and time, such as 2030-01-31T12:00:00Z.")
    return moment


def _called(workflow: DeployedWorkflow) -> Trigger:
    found = (each for each in workflow.definition.triggers.values() if each.type in _OF_WORKFLOW)
    trigger = next(found, None)
    if trigger is None:
        raise NotCallable(f"The workflow '{workflow.name}' has no Request trigger to be called by.")
    return trigger


def _callable(workflow: DeployedWorkflow, name: str) -> Trigger:
    trigger = named(workflow, name)
    if trigger.type not in CALLABLE:
        raise NotCallable(f"The trigger '{trigger.name}' of type '{trigger.type}' has no callback address.")
    return trigger
