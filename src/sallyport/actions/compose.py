"""Compose: a value of its own for other actions to refer to."""

from __future__ import annotations

from typing import Any

from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome, Succeeded


@action("Compose", derives=True)
async def compose(inputs: Any, _ctx: ActionContext) -> Outcome:
    """Answer the inputs, evaluated."""
    return Succeeded(inputs)
