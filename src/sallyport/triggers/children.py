"""Other workflows of the same process, as an action that starts one and waits for its response sees them.

The rule: a call is what one of the trigger's own address would be, with its schema, `splitOn` and conditions; and it is
made once for each event, so a parent that is resumed finds the child that it started before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sallyport.engine import responses
from sallyport.engine.engine import Engine
from sallyport.engine.ports import ChildStart, StartedChild
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.http_messages import Headers, InboundResponse
from sallyport.store import documents, runs
from sallyport.triggers import request, settling
from sallyport.wdl.definition import Trigger


class Children:
    """The workflows that runs of an engine may call."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        # The engine is made of its ports, of which this is one: it is asked for when it exists.
        self._engine = engine

    async def start(self, child: ChildStart) -> StartedChild:
        """Start what a call of a workflow starts, and answer the same as when it was started before.

        Raises WorkflowNotFound, TriggerNotFound, WorkflowDisabled, SchemaMismatch, InvalidSplitOn, TooManyRequests.
        """
        engine = self._engine()
        workflow = await engine.library.named(_name(child.workflow))
        trigger = _trigger(workflow, child.trigger)
        splits = trigger.split_on is not None
        event_id = f"{child.event_id}#0" if splits else child.event_id
        known = await engine.database.read(lambda c: runs.of_event(c, workflow.id, trigger.name, event_id))
        if known is not None:
            return StartedChild(known, answers=not splits)
        request.callable_trigger(workflow, trigger.name)
        await request.check_schema(trigger, child.body)
        called, decided = request.decided(
            engine,
            workflow,
            trigger,
            {"headers": dict(child.headers), "body": child.body},
            client_tracking_id=child.client_tracking_id,
            event_id=child.event_id,
        )
        if splits or not decided.events:
            names = await settling.start(engine, called, decided)
            return StartedChild(names[0] if names else None, answers=False)
        (event,) = decided.events
        started = await engine.start(workflow, trigger.name, replace(event, awaited=True))
        return StartedChild(started.run_id, answers=True)

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


def _trigger(workflow: DeployedWorkflow, name: str) -> Trigger:
    """Answer the trigger with a name, in any letter case, else the first one that can be called."""
    called = [each for each in workflow.definition.triggers.values() if each.type in request.CALLABLE]
    found = next((each for each in called if not name or each.name.casefold() == name.casefold()), None)
    if found is None:
        named = f" '{name}'" if name else ""
        raise request.TriggerNotFound(f"The workflow '{workflow.name}' has no trigger{named} that can be called.")
    return found


def _name(workflow: str) -> str:
    """Answer a workflow's name, given it or the workflow's resource id."""
    return workflow.rstrip("/").rpartition("/")[2]
