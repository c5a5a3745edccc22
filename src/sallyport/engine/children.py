"""Other workflows of the same process, as an action that starts one and waits for its response sees them.

The rule: a child is started once for each event, so a parent that is resumed finds the child that it started before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sallyport.engine import responses
from sallyport.engine.ports import ChildStart
from sallyport.engine.start import Event
from sallyport.errors import NotFound
from sallyport.http_messages import Headers, InboundResponse
from sallyport.store import documents

if TYPE_CHECKING:
    from sallyport.engine.engine import Engine


class ChildTriggerMissing(NotFound):
    """Raised when a workflow has no trigger that another workflow can call."""

    code = "WorkflowTriggerNotFound"


class Children:
    """The workflows that runs of an engine may call."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        # The engine is made of its ports, of which this is one: it is asked for when it exists.
        self._engine = engine

    async def start(self, child: ChildStart) -> str:
        """Start a child run and answer its name, the same name when it was started before.

        Raises WorkflowNotFound, ChildTriggerMissing.
        """
        engine = self._engine()
        workflow = await engine.library.named(_name(child.workflow))
        trigger = child.trigger or next(iter(workflow.definition.triggers), "")
        if trigger not in workflow.definition.triggers:
            raise ChildTriggerMissing(f"The workflow '{workflow.name}' has no trigger '{trigger}'.")
        outputs = {"headers": dict(child.headers), "body": child.body}
        event = Event(outputs, event_id=child.event_id, client_tracking_id=child.client_tracking_id, awaited=True)
        started = await engine.start(workflow, trigger, event)
        return started.run_id

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


def _name(workflow: str) -> str:
    """Answer a workflow's name, given it or the workflow's resource id."""
    return workflow.rstrip("/").rpartition("/")[2]
