"""Until: a block of actions again and again, until a condition holds or a limit is reached.

The rule: the condition is asked after the body, and sees what the body saw: actions and index of that iteration.
Which iteration is on its way is remembered before it begins, so that a resumed run does not ask again what it has
answered.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sallyport.actions import blocks
from sallyport.actions import inputs as read
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Failed, Outcome, Suspended
from sallyport.statuses import Status
from sallyport.wdl import retry
from sallyport.wdl.errors import ExpressionError

#: What the documentation says when an author gives neither.
_COUNT = 60
_TIMEOUT = timedelta(hours=1)


@action("Until", container=True)
async def until(_inputs: Any, ctx: ActionContext) -> Outcome:
    """Run the actions until the expression is true; the last iteration's status is the loop's."""
    count, timeout = _limits(ctx)
    index = ctx.memory or 0
    while True:
        if ctx.memory != index:
            ctx.remember(index)
        status = (await ctx.iteration("actions", index)).status
        if status is None:
            return Suspended()
        answer = _answer(ctx, index)
        if isinstance(answer, Failed):
            return answer
        index += 1
        if answer or index >= count or ctx.now() - ctx.started_at >= timeout:
            return _outcome(ctx, status, met=answer)


def _answer(ctx: ActionContext, index: int) -> bool | Failed:
    """Answer whether the condition holds after an iteration, or that it cannot be told."""
    try:
        return bool(ctx.evaluate(ctx.template("expression"), index))
    except ExpressionError as error:
        message = f"The condition of the until loop '{ctx.action.name}' cannot be evaluated: {error.message}"
        return Failed("ActionUntilConditionFailed", message)


def _outcome(ctx: ActionContext, status: Status, *, met: bool) -> Outcome:
    if not met and ctx.option("FailWhenLimitsReached"):
        message = f"The until loop '{ctx.action.name}' reached its limit before its condition was met."
        return Failed("ActionFailed", message)
    return blocks.outcome_by([status])


def _limits(ctx: ActionContext) -> tuple[int, timedelta]:
    stated = ctx.evaluate(ctx.template("limit"))
    timeout, count = read.member(stated, "timeout"), read.member(stated, "count")
    most = ctx.limits.until_iterations
    return (
        min(read.integer(stated, "count"), most) if count is not None else (_COUNT if timeout is None else most),
        retry.duration(timeout, "limit.timeout") if timeout is not None else _TIMEOUT,
    )
