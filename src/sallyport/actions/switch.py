"""Switch: one of many branches, by a value.

The rule: the choice is remembered before the branch runs, so that a resumed run takes the same branch.
"""

from __future__ import annotations

from typing import Any

from sallyport.actions import blocks
from sallyport.actions import inputs as read
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome
from sallyport.wdl import values

_CASE = "case:"


@action("Switch", container=True)
async def switch(_inputs: Any, ctx: ActionContext) -> Outcome:
    """Run the case that the expression equals, or else the default; the others are skipped."""
    if ctx.memory is None:
        chosen = _chosen(ctx, ctx.evaluate(ctx.template("expression")))
        ctx.remember(chosen)
        for key in ctx.action.blocks:
            if key != chosen:
                ctx.skip_branch(key)
    return blocks.outcome_of(await ctx.block(ctx.memory))


def _chosen(ctx: ActionContext, value: Any) -> str:
    if not isinstance(value, str) and not values.is_number(value):
        raise read.InvalidInputs(
            f"The 'expression' of a switch must be a string or a number; it is of type '{values.type_name(value)}'."
        )
    cases = ctx.action.raw.get("cases")
    for key in ctx.action.blocks:
        name = key.removeprefix(_CASE)
        if name != key and isinstance(cases, dict) and values.equal(read.member(cases[name], "case"), value):
            return key
    return "default"
