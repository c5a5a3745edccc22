"""Triggers: list, their histories, run now, and a run's resubmission."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy.engine import Connection
from starlette.responses import Response
from starlette.routing import Route

from sallyport.engine import entries, start
from sallyport.engine.start import Event
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.management import filters, trigger_shapes
from sallyport.management.call import READ, WRITE, Call, Deps, answer, page_of_named, route
from sallyport.management.workflows import WORKFLOW
from sallyport.store import contents, documents, runs, trigger_histories
from sallyport.triggers.request import TriggerNotFound, WorkflowDisabled
from sallyport.wdl.definition import Trigger
from sallyport.web import bodies

TRIGGER = WORKFLOW + "/triggers/{trigger}"


async def listed(call: Call) -> Response:
    """Answer a workflow's triggers."""
    workflow = await call.workflow()
    return answer({"value": await _shown(call, workflow, *workflow.definition.triggers.values())})


async def get(call: Call) -> Response:
    """Answer one trigger."""
    workflow = await call.workflow()
    (shown,) = await _shown(call, workflow, named(workflow, call.name("trigger")))
    return answer(shown)


async def run(call: Call) -> Response:
    """Fire a trigger at once; the body, if any, is what it shows as its own."""
    workflow = await call.workflow()
    trigger = named(workflow, call.name("trigger"))
    raw = await bodies.read_bytes(call.request, call.deps.body_limit_bytes)
    body = bodies.parse(raw, exact=True) if raw else None
    started = await call.deps.triggers.fire_now(workflow, trigger.name, body)
    if not started:
        # Not 204, which Microsoft's SDK takes for a failure.
        return Response(status_code=200)
    return Response(status_code=202, headers={"x-ms-workflow-run-id": started[0]})


async def reset(call: Call) -> Response:
    """Let a trigger forget what it has seen, and begin as if its workflow had just been saved."""
    workflow = await call.workflow()
    trigger = named(workflow, call.name("trigger"))
    await call.deps.triggers.reset(workflow, trigger.name)
    return Response(status_code=200)


async def histories(call: Call) -> Response:
    """Answer how a trigger's firings went, the latest first."""
    workflow = await call.workflow()
    trigger = named(workflow, call.name("trigger"))
    top, place = call.number("$top", 30, 1000), call.place()
    status = filters.wanted(call, by_time=False).status

    def read(connection: Connection) -> list[trigger_histories.TriggerHistory]:
        chosen = partial(trigger_histories.listed, connection, workflow.id, trigger.name, status=status)
        return chosen(before=place.before, limit=top, skip=place.skip)

    found = await call.engine.database.query(read)
    shown = [trigger_shapes.history(workflow, trigger, each, call.links()) for each in found]
    return page_of_named(call, shown, top=top)


async def history(call: Call) -> Response:
    """Answer how one firing of a trigger went."""
    workflow = await call.workflow()
    trigger, name = named(workflow, call.name("trigger")), call.name("history").upper()
    found = await call.engine.database.read(
        lambda connection: trigger_histories.get(connection, workflow.id, trigger.name, name)
    )
    return answer(trigger_shapes.history(workflow, trigger, found, call.links()))


async def resubmit(call: Call) -> Response:
    """Start a run again with the trigger outputs of an earlier one, which its name or its history's name means."""
    workflow = await call.workflow()
    trigger = named(workflow, call.name("trigger"))
    if workflow.state != "Enabled":
        raise WorkflowDisabled(f"The workflow '{workflow.name}' is disabled.")
    name = call.name("history").upper()
    row, bodies = await call.engine.database.read(lambda connection: _fired(connection, workflow, trigger, name))
    earlier = start.load_trigger(row.trigger, call.engine.around.seal, bodies)
    event = Event(earlier.get("outputs"), earlier.get("inputs"))
    started = await call.engine.start(workflow, trigger.name, event)
    await started.stored
    return Response(status_code=202, headers={"x-ms-workflow-run-id": started.run_id})


def routes(deps: Deps) -> list[Route]:
    """Answer the routes of triggers."""
    return [
        route(deps, "GET", WORKFLOW + "/triggers", READ, listed),
        route(deps, "GET", TRIGGER, READ, get),
        route(deps, "POST", TRIGGER + "/run", WRITE, run),
        route(deps, "POST", TRIGGER + "/reset", WRITE, reset),
        route(deps, "GET", TRIGGER + "/histories", READ, histories),
        route(deps, "GET", TRIGGER + "/histories/{history}", READ, history),
        route(deps, "POST", TRIGGER + "/histories/{history}/resubmit", WRITE, resubmit),
    ]


def named(workflow: DeployedWorkflow, name: str) -> Trigger:
    """Answer a trigger by its name, in any letter case; raises TriggerNotFound."""
    folded = name.casefold()
    for key, found in workflow.definition.triggers.items():
        if key.casefold() == folded:
            return found
    known = ", ".join(workflow.definition.triggers) or "none"
    raise TriggerNotFound(f"The workflow '{workflow.name}' has no trigger '{name}'. Its triggers: {known}.")


async def _shown(call: Call, workflow: DeployedWorkflow, *triggers: Trigger) -> list[dict[str, Any]]:
    read = call.engine.database.query
    found = await read(lambda connection: trigger_shapes.seen(connection, workflow, *triggers))
    pairs = zip(triggers, found, strict=True)
    return [trigger_shapes.trigger(call.engine, workflow, each, when) for each, when in pairs]


def _fired(
    connection: Connection, workflow: DeployedWorkflow, trigger: Trigger, name: str
) -> tuple[runs.Run, dict[str, bytes]]:
    """Answer the run that a firing of a trigger has started, and the large contents of the firing.

    Raises HistoryNotFound, and RunNotFound where it started none.
    """
    entry = trigger_histories.get(connection, workflow.id, trigger.name, name)
    if entry.run_id is None:
        raise runs.RunNotFound(f"The trigger '{trigger.name}' started no run in '{entry.id}': there is none to repeat.")
    row = runs.get(connection, entry.run_id)
    return row, contents.get(connection, entries.digests(documents.loads(row.trigger)))
