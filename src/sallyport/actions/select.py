"""Select: each item of an array turned into something else."""

from __future__ import annotations

from typing import Any

from sallyport.actions import inputs as read
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome, Succeeded


@action("Select", deferred=("select",), derives=True)
async def select(inputs: Any, ctx: ActionContext) -> Outcome:
    """Answer what `select` makes of each item, as `body`."""
    return Succeeded({"body": await ctx.evaluate_each(ctx.template("inputs/select"), read.items(inputs, "from"))})
