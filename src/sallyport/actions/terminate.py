"""Terminate: the run ends here, with a status of the author's choice."""

from __future__ import annotations

from typing import Any

from sallyport import statuses
from sallyport.actions import inputs as read
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import EndsRun, Outcome
from sallyport.statuses import Status

_ENDINGS = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)


@action("Terminate")
async def terminate(inputs: Any, _ctx: ActionContext) -> Outcome:
    """End the run as `runStatus` says; with `Failed`, `runError` says why."""
    status = _status(read.text(inputs, "runStatus"))
    if status is not Status.FAILED:
        return EndsRun(status, "Terminated")
    code = read.text(inputs, "runError/code", "") or "Terminated"
    return EndsRun(status, code, read.text(inputs, "runError/message", "") or "The workflow run was terminated.")


def _status(text: str) -> Status:
    try:
        status = statuses.parse(text)
    except ValueError:
        status = Status.NOT_SPECIFIED
    if status not in _ENDINGS:
        raise read.InvalidInputs(f"The 'runStatus' is Succeeded, Failed or Cancelled; it is '{text}'.")
    return status
