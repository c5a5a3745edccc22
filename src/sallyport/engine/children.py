"""Other workflows of the same process, as an action that starts one and waits for its response sees them.

The rule: a child is started once for each event, so a parent that is resumed finds the child that it started before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sallyport.engine import responses, start
from sallyport.engine.ports import ChildStart
from sallyport.engine.start import Event
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import Conflict, NotFound
from sallyport.http_messages import Headers, InboundResponse
from sallyport.store import documents, runs
from sallyport.wdl.operation_types import CALLABLE_TRIGGERS

if TYPE_CHECKING:
    from sallyport.engine.engine import Engine


class ChildTriggerMissing(NotFound):
    """Raised when a workflow has no trigger that another workflow can call."""

    code = "WorkflowTriggerNotFound"


class ChildDisabled(Conflict):
    """Raised when another workflow calls one that is disabled."""

    code = "WorkflowTriggerIsNotEnabled"


class Children:
    """The workflows that runs of an engine may call."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        # The engine is made of its ports, of which this is one: it is asked for when it exists.
        self._engine = engine

    async def start(self, child: ChildStart) -> str:
        """Start a child run and answer its name, the same name when it was started before.

        Raises WorkflowNotFound, ChildTriggerMissing, ChildDisabled.
        """
        engine = self._engine()
        workflow = await engine.library.named(_name(child.workflow))
        trigger = _trigger(workflow, child.trigger)
        outputs = {"headers": dict(child.headers), "body": child.body}
        event = Event(outputs, event_id=child.event_id, client_tracking_id=child.client_tracking_id, awaited=True)
        if workflow.state != "Enabled":
            prepared = start.prepare(engine.around, workflow, trigger, event)
            known = await engine.database.read(lambda connection: runs.of_event(connection, prepared.row))
            if known is None:
                raise ChildDisabled(f"The workflow '{workflow.name}' is disabled.")
            return known
        return (await engine.start(workflow, trigger, event)).run_id

    async def answer(self, run_id: str) -> InboundResponse | None:
        """Wait until a child has answered, and say what its Response action said; None when it ended without one."""
        engine = self._engine()
        with engine.dispatch.lends_place():
            answer = await responses.of(engine, run_id)
        if answer is None:
            return None
        text = isinstance(answer.body, str)
        raw = answer.body.encode() if text else documents.dumps(answer.body)
        media = "text/plain; charset=utf-8" if text else "application/json"
        return InboundResponse(answer.status, Headers({"Content-Type": media, **answer.headers}), raw, "")

    async def has_response(self, workflow: str) -> bool:
        """Answer whether a workflow holds a Response action.

        Raises WorkflowNotFound.
        """
        return (await self._engine().library.named(_name(workflow))).has_response


def _trigger(workflow: DeployedWorkflow, name: str) -> str:
    """Answer the trigger with a name, in any letter case, else the first one that can be called."""
    called = [each.name for each in workflow.definition.triggers.values() if each.type in CALLABLE_TRIGGERS]
    found = next((each for each in called if not name or each.casefold() == name.casefold()), None)
    if found is None:
        named = f" '{name}'" if name else ""
        raise ChildTriggerMissing(f"The workflow '{workflow.name}' has no trigger{named} that can be called.")
    return found


def _name(workflow: str) -> str:
    """Answer a workflow's name, given it or the workflow's resource id."""
    return workflow.rstrip("/").rpartition("/")[2]
