"""What the Response action of a run said, read from its history: for a parent, and for a caller who asks once more.

The rule: a response that nobody took, because its caller had gone, is still the answer to the same call made again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sallyport.engine import entries, resume
from sallyport.engine.run import Answer
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import SallyportError, StorageUnavailable
from sallyport.store import runs

if TYPE_CHECKING:
    from sallyport.engine.engine import Engine

#: How a Response action ends that knew what to say.
_SAID = frozenset({"OK", "ActionResponseSkipped", "ActionResponseTimedOut"})


async def of(engine: Engine, run_id: str) -> Answer | None:
    """Wait until a run has answered, and say what; None when it ended without an answer.

    Raises RunNotFound.
    """
    while True:
        news = engine.dispatch.news(run_id)
        answer, ended = await now(engine, run_id)
        if answer is not None or ended:
            engine.dispatch.tell(run_id)
            return answer
        await news.wait()


async def again(engine: Engine, run_id: str, caller: asyncio.Future[Answer | None]) -> None:
    """Give a caller the answer of the run that the same call started before."""
    try:
        answer = await of(engine, run_id)
    except SallyportError as error:
        _refuse(caller, error)
    except asyncio.CancelledError:
        _refuse(caller, StorageUnavailable("The server stops: the answer is not known yet."))
        raise
    else:
        if not caller.done():
            caller.set_result(answer)


def _refuse(caller: asyncio.Future[Answer | None], error: SallyportError) -> None:
    if not caller.done():
        caller.set_exception(error)


async def now(engine: Engine, run_id: str) -> tuple[Answer | None, bool]:
    """Answer what a run has said so far, and whether it has ended.

    Raises RunNotFound.
    """
    row = await engine.database.read(lambda connection: runs.get(connection, run_id))
    workflow = await engine.library.at_version(row.workflow_id, row.version)
    stored = await engine.database.read(lambda connection: resume.read(connection, row))
    return _said(workflow, stored, entries.Reader(engine.around.seal, stored.bodies)), row.ended_at is not None


def _said(workflow: DeployedWorkflow, stored: resume.Stored, reader: entries.Reader) -> Answer | None:
    for entry in stored.entries:
        action = workflow.definition.actions.get(entry.name)
        action_type = workflow.action_types.get(action.type) if action is not None else None
        if action_type is None or not action_type.responds:
            continue
        record = reader.record(entry)
        if record.code in _SAID and isinstance(record.inputs, dict):
            said = record.outputs if isinstance(record.outputs, dict) else record.inputs
            headers = {str(name): str(value) for name, value in (said.get("headers") or {}).items()}
            return Answer(int(said.get("statusCode", 200)), headers, said.get("body"))
    return None
