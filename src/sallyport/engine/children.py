"""Other workflows of the same process, as an action that starts one and waits for its response sees them.

The rule: a child is started once for each event, so a parent that is resumed finds the child that it started before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sallyport.engine import entries, resume
from sallyport.engine.ports import ChildStart
from sallyport.engine.records import ABSENT
from sallyport.engine.start import Event
from sallyport.errors import NotFound
from sallyport.http_messages import Headers, InboundResponse
from sallyport.statuses import Status
from sallyport.store import documents, runs

if TYPE_CHECKING:
    from sallyport.engine.engine import Engine
    from sallyport.engine.workflow import DeployedWorkflow


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
            while True:
                news = engine.dispatch.news(run_id)
                answer, ended = await _answered(engine, run_id)
                if answer is not None or ended:
                    engine.dispatch.tell(run_id)
                    return answer
                await news.wait()

    async def has_response(self, workflow: str) -> bool:
        """Answer whether a workflow holds a Response action.

        Raises WorkflowNotFound.
        """
        return (await self._engine().library.named(_name(workflow))).has_response


def _name(workflow: str) -> str:
    """Answer a workflow's name, given it or the workflow's resource id."""
    return workflow.rstrip("/").rpartition("/")[2]


async def _answered(engine: Engine, run_id: str) -> tuple[InboundResponse | None, bool]:
    """Answer what a run's Response action has said so far, and whether the run has ended."""
    row = await engine.database.read(lambda connection: runs.get(connection, run_id))
    workflow = await engine.library.at_version(row.workflow_id, row.version)
    stored = await engine.database.read(lambda connection: resume.read(connection, row))
    return _answer(workflow, stored, entries.Reader(engine.around.seal, stored.bodies)), row.ended_at is not None


def _answer(workflow: DeployedWorkflow, stored: resume.Stored, reader: entries.Reader) -> InboundResponse | None:
    for entry in stored.entries:
        action = workflow.definition.actions.get(entry.name)
        action_type = workflow.action_types.get(action.type) if action is not None else None
        if action_type is None or not action_type.responds or entry.status != Status.SUCCEEDED:
            continue
        outputs = reader.record(entry).inputs
        if outputs is ABSENT or not isinstance(outputs, dict):
            continue
        body = outputs.get("body")
        raw = body.encode() if isinstance(body, str) else documents.dumps(body)
        media = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
        headers = {"Content-Type": media, **{k: str(v) for k, v in (outputs.get("headers") or {}).items()}}
        return InboundResponse(int(outputs.get("statusCode", 200)), Headers(headers), raw, "")
    return None
