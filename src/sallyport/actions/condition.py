"""If: one of two branches, by a condition.

The rule: the choice is remembered before the branch runs, so that a resumed run takes the same branch.
"""

from __future__ import annotations

from typing import Any

from sallyport.actions import blocks
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome


@action("If", container=True)
async def condition(_inputs: Any, ctx: ActionContext) -> Outcome:
    """Run the actions, or else those under `else`; the others are skipped."""
    if ctx.memory is None:
        chosen, other = ("actions", "else") if ctx.evaluate(ctx.template("expression")) else ("else", "actions")
        ctx.remember(chosen)
        ctx.skip_branch(other)
    return blocks.outcome_of(await ctx.block(ctx.memory))
