"""Query, also called Filter array: the items of an array that meet a condition."""

from __future__ import annotations

from typing import Any

from sallyport.actions import inputs as read
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome, Succeeded
from sallyport.wdl import values


@action("Query", deferred=("where",), derives=True)
async def query(inputs: Any, ctx: ActionContext) -> Outcome:
    """Answer the items for which `where` is true, as `body`."""
    items = read.items(inputs, "from")
    verdicts = await ctx.evaluate_each(ctx.template("inputs/where"), items)
    kept = []
    for item, verdict in zip(items, verdicts, strict=True):
        if not isinstance(verdict, bool):
            raise read.InvalidInputs(
                f"The 'where' of a query must answer a boolean; it answered one of type '{values.type_name(verdict)}'."
            )
        if verdict:
            kept.append(item)
    return Succeeded({"body": kept})
