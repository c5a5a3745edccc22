"""Scope: actions as one, with one status."""

from __future__ import annotations

from typing import Any

from sallyport.actions import blocks
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome


@action("Scope", container=True)
async def scope(_inputs: Any, ctx: ActionContext) -> Outcome:
    """Run the actions inside; their last ones decide the status."""
    return blocks.outcome_of(await ctx.block("actions"))
