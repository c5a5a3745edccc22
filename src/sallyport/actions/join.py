"""Join: the items of an array as one text."""

from __future__ import annotations

from typing import Any

from sallyport.actions import inputs as read
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome, Succeeded
from sallyport.wdl import values
from sallyport.wdl.errors import BudgetExceeded


@action("Join", derives=True)
async def join(inputs: Any, ctx: ActionContext) -> Outcome:
    """Answer the items as text with `joinWith` between them, as `body`."""
    texts = [values.to_text(item) for item in read.items(inputs, "from")]
    between = read.text(inputs, "joinWith", "")
    within(ctx, sum(map(len, texts)) + len(between) * len(texts))
    return Succeeded({"body": between.join(texts)})


def within(ctx: ActionContext, characters: int) -> None:
    """Refuse a text that would be larger than a message may be, before it is built."""
    limit = ctx.limits.message_bytes
    if characters > limit:
        raise BudgetExceeded(f"The text would have {characters} characters; the limit is {limit}.")
