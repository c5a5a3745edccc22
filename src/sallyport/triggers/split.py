"""`splitOn`: one run for each item of an array in a trigger's outputs. Pure.

Deviation: a `splitOn` that gives null starts no run, and the trigger's history says Skipped; what Azure does is not
documented.
"""

from __future__ import annotations

from typing import Any

from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import BadRequest
from sallyport.triggers.firing import TriggerScope
from sallyport.wdl import values
from sallyport.wdl.definition import Trigger


class InvalidSplitOn(BadRequest):
    """Raised when `splitOn` does not give an array, or one with too many items."""

    code = "InvalidTemplateTriggerSplitOn"


def outputs(workflow: DeployedWorkflow, trigger: Trigger, fired: dict[str, Any], most: int) -> list[Any]:
    """Answer the outputs of each run that a firing starts: one without `splitOn`, else one for each item.

    Raises InvalidSplitOn.
    """
    if trigger.split_on is None:
        return [fired.get("outputs")]
    found = trigger.split_on.evaluate(TriggerScope(workflow, fired))
    if found is None:
        return []
    if not isinstance(found, list):
        raise InvalidSplitOn(
            f"The 'splitOn' of trigger '{trigger.name}' must give an array; it gave a value of type "
            f"'{values.type_name(found)}'."
        )
    if len(found) > most:
        raise InvalidSplitOn(f"The 'splitOn' of trigger '{trigger.name}' gave {len(found)} items; {most} are allowed.")
    whole = fired.get("outputs")
    headers = whole.get("headers") if isinstance(whole, dict) else None
    return [{"headers": headers, "body": item} if headers is not None else {"body": item} for item in found]
