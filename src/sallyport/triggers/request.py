"""The Request trigger: somebody posts to a workflow's callback address, and a run starts.

The rule: without a Response action the caller hears 202 once the run is committed; with one, the caller waits for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from sallyport.actions import json_schema
from sallyport.engine.engine import Engine
from sallyport.engine.run import Answer
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import BadRequest, Conflict, NotFound, SallyportError
from sallyport.statuses import Status
from sallyport.triggers import decision, settling
from sallyport.triggers.decision import Decision
from sallyport.triggers.firing import Firing
from sallyport.triggers.split import InvalidSplitOn
from sallyport.triggers.trigger_type import TriggerType
from sallyport.wdl.definition import Trigger

#: The trigger itself: it never looks, it is called.
REQUEST = TriggerType("Request", called=True)
#: Types that start a run when somebody posts to their address; the old name of Request is Manual.
CALLABLE = frozenset({"Request", "Manual", "ApiConnectionWebhook", "HttpWebhook"})


class WorkflowDisabled(Conflict):
    """Raised when a disabled workflow is called."""

    code = "WorkflowTriggerIsNotEnabled"


class TriggerNotFound(NotFound):
    """Raised when a workflow has no such trigger, or it is not one that can be called."""

    code = "WorkflowTriggerNotFound"


class SchemaMismatch(BadRequest):
    """Raised when a trigger with EnableSchemaValidation is given a body that does not fit its schema."""

    code = "TriggerInputSchemaMismatch"


class ResponseTimedOut(SallyportError):
    """Raised when a run did not answer its caller in time; the run goes on."""

    code = "GatewayTimeout"
    status = 504


class NoResponse(SallyportError):
    """Raised when a run with a Response action ended without reaching it."""

    code = "NoResponse"
    status = 502


@dataclass(frozen=True, slots=True)
class Accepted:
    """The run was stored and nobody waits for it; None for its name when a condition kept it from starting."""

    run_id: str | None
    #: Whether there will be a response, which the caller may look for.
    later: bool = False


async def fire(
    engine: Engine,
    workflow: DeployedWorkflow,
    trigger_name: str,
    outputs: dict[str, Any],
    *,
    client_tracking_id: str = "",
    event_id: str | None = None,
) -> tuple[Accepted, Answer | None]:
    """Start what a call starts, and answer it: what the Response action says, or that the run was accepted.

    Raises WorkflowDisabled, TriggerNotFound, SchemaMismatch, TooManyRequests, ResponseTimedOut, NoResponse, and what
    keeps a run from being stored.
    """
    trigger = callable_trigger(workflow, trigger_name)
    called, found = decided(
        engine, workflow, trigger, outputs, client_tracking_id=client_tracking_id, event_id=event_id
    )
    if trigger.split_on is not None or not found.events:
        names = await settling.start(engine, called, found)
        return Accepted(names[0] if names else None), None
    (event,) = found.events
    if workflow.responds_later:
        started = await engine.start(workflow, trigger.name, replace(event, awaited=True))
        await started.stored
        return Accepted(started.run_id, later=True), None
    started = await engine.start(workflow, trigger.name, event, answered=workflow.has_response)
    if started.answer is None:
        await started.stored
        return Accepted(started.run_id), None
    return Accepted(started.run_id), await _answer(started.answer, engine.around.limits.request_timeout_seconds)


def decided(
    engine: Engine,
    workflow: DeployedWorkflow,
    trigger: Trigger,
    outputs: dict[str, Any],
    *,
    client_tracking_id: str,
    event_id: str | None,
) -> tuple[Firing, Decision]:
    """Answer what a call is to its trigger, and what it starts.

    Raises InvalidSplitOn.
    """
    fired = {"outputs": outputs, "code": "OK", "status": "Succeeded", "name": trigger.name}
    called = Firing(workflow, trigger, fired, event_id=event_id, client_tracking_id=client_tracking_id)
    found = decision.decide(called, engine)
    if found.status is Status.FAILED:
        raise InvalidSplitOn((found.error or {}).get("message", ""))
    return called, found


def callable_trigger(workflow: DeployedWorkflow, name: str) -> Trigger:
    """Answer a trigger that can be called.

    Raises TriggerNotFound, WorkflowDisabled.
    """
    folded = name.casefold()
    found = next((each for key, each in workflow.definition.triggers.items() if key.casefold() == folded), None)
    if found is None or found.type not in CALLABLE:
        raise TriggerNotFound(f"The workflow '{workflow.name}' has no trigger '{name}' that can be called.")
    if workflow.state != "Enabled":
        raise WorkflowDisabled(f"The workflow '{workflow.name}' is disabled.")
    return found


async def check_schema(trigger: Trigger, body: Any) -> None:
    """Hold a body against the trigger's schema, where the author asked for it.

    Raises SchemaMismatch naming the place.
    """
    inputs = trigger.raw.get("inputs")
    schema = inputs.get("schema") if isinstance(inputs, dict) else None
    if "enableschemavalidation" not in trigger.operation_options or not isinstance(schema, dict):
        return
    try:
        faults = await json_schema.checked(schema, body)
    except json_schema.SchemaError as error:
        raise SchemaMismatch(f"The body cannot be held against the trigger's schema: {error.message}") from None
    if faults:
        told = "; ".join(f"'{fault['path']}': {fault['message']}" for fault in faults[:3])
        raise SchemaMismatch(f"The body does not fit the trigger's schema at {told}")


async def _answer(answer: asyncio.Future[Answer | None], seconds: float) -> Answer:
    late = asyncio.get_running_loop().call_later(seconds, _give_up, answer)
    try:
        found = await answer
    finally:
        late.cancel()
    if found is None:
        raise NoResponse("The workflow ended without a response.")
    return found


def _give_up(answer: asyncio.Future[Answer | None]) -> None:
    if not answer.done():
        answer.set_exception(
            ResponseTimedOut(
                "The server did not receive a response from an upstream server. Request tracking id is in the headers."
            )
        )
