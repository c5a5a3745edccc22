"""What triggers and their firings look like on the wire.

The rule: a recurrence is shown as it counts, its expressions evaluated, because clients expect numbers; one that cannot
be evaluated is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from sallyport.engine.engine import Engine
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.management import shapes
from sallyport.store import documents, trigger_histories, trigger_states
from sallyport.store.trigger_histories import TriggerHistory
from sallyport.triggers import TRIGGERS
from sallyport.triggers.firing import TriggerScope
from sallyport.wdl.definition import Trigger
from sallyport.wdl.errors import ExpressionError


@dataclass(frozen=True, slots=True)
class Seen:
    """When a trigger looked or was called last, and when it looks next; None where nothing says so."""

    last_at: str | None
    next_at: str | None


def seen(connection: Connection, workflow: DeployedWorkflow, *triggers: Trigger) -> list[Seen]:
    """Answer when triggers of a workflow looked last and look next."""
    states = trigger_states.of_workflow(connection, workflow.id)
    return [_seen(connection, workflow, each, states.get(each.name)) for each in triggers]


def _seen(
    connection: Connection, workflow: DeployedWorkflow, trigger: Trigger, state: trigger_states.TriggerState | None
) -> Seen:
    latest = trigger_histories.latest(connection, workflow.id, trigger.name)
    known = TRIGGERS.get(trigger.type)
    # One that asked to be called has nothing to look for: what it does next is to renew that.
    looks = state is not None and known is not None and not known.subscribes
    return Seen(
        latest.started_at if latest is not None else None, state.next_at if looks and state is not None else None
    )


def trigger(engine: Engine, workflow: DeployedWorkflow, found: Trigger, when: Seen) -> dict[str, Any]:
    """Answer a trigger."""
    properties: dict[str, Any] = {
        "provisioningState": "Succeeded",
        "createdTime": workflow.created_at,
        "changedTime": workflow.changed_at,
        "state": workflow.state,
        "lastExecutionTime": when.last_at,
        "nextExecutionTime": when.next_at,
        "recurrence": _recurrence(engine, workflow, found),
        "workflow": {
            "id": workflow.resource_id,
            "name": workflow.name,
            "type": "Microsoft.Logic/workflows",
        },
    }
    return {
        "id": f"{workflow.resource_id}/triggers/{found.name}",
        "name": found.name,
        "type": "Microsoft.Logic/workflows/triggers",
        "properties": {key: value for key, value in properties.items() if value is not None},
    }


def history(workflow: DeployedWorkflow, found: Trigger, row: TriggerHistory, links: shapes.Links) -> dict[str, Any]:
    """Answer a firing of a trigger, with links to its contents."""
    properties: dict[str, Any] = {
        "startTime": row.started_at,
        "endTime": row.ended_at,
        "scheduledTime": row.scheduled_at,
        "status": row.status,
        "code": row.code,
        "error": row.error,
        "trackingId": row.tracking_id,
        "fired": row.fired,
    }
    if row.client_tracking_id is not None:
        properties["correlation"] = {"clientTrackingId": row.client_tracking_id}
    properties |= shapes.content_links(documents.loads(row.document), workflow, (row.id, shapes.OF_TRIGGER, ""), links)
    if row.run_id is not None:
        name = f"{workflow.resource_id}/runs/{row.run_id}"
        properties["run"] = {"id": name, "name": row.run_id, "type": "Microsoft.Logic/workflows/runs"}
    return {
        "id": f"{workflow.resource_id}/triggers/{found.name}/histories/{row.id}",
        "name": row.id,
        "type": "Microsoft.Logic/workflows/triggers/histories",
        "properties": {key: value for key, value in properties.items() if value is not None},
    }


def _recurrence(engine: Engine, workflow: DeployedWorkflow, found: Trigger) -> dict[str, Any] | None:
    scope = TriggerScope(workflow, None, engine.clock, app_settings=engine.around.ports.app_settings)
    try:
        evaluated = found.template("recurrence").evaluate(scope)
    except ExpressionError:
        return None
    return evaluated if isinstance(evaluated, dict) else None
