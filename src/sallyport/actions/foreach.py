"""Foreach: a block of actions for each item of an array, several at a time.

The rule: the items are remembered before the first iteration, and at most so many iterations are on their way as the
concurrency allows; an iteration that waits keeps its place.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sallyport.actions import blocks
from sallyport.actions import inputs as read
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Failed, Outcome, Suspended
from sallyport.statuses import Status
from sallyport.wdl import values

#: More iterations at a time than this are not allowed.
MOST_AT_A_TIME = 50
#: After so many iterations other runs get their turn, should nothing in an iteration wait.
_TURN = 32


@action("Foreach", container=True)
async def foreach(_inputs: Any, ctx: ActionContext) -> Outcome:
    """Run the actions for each item; a failed iteration fails the loop after all have ended."""
    if ctx.memory is None:
        items = ctx.evaluate(ctx.template("foreach"))
        refused = _refusal(items, ctx.limits.foreach_items)
        if refused is not None:
            return refused
        ctx.remember(items)
    ended = await _all(ctx, ctx.memory, _at_a_time(ctx))
    return Suspended() if ended.total() < len(ctx.memory) else blocks.outcome_by(ended)


def _refusal(items: Any, limit: int) -> Failed | None:
    if not isinstance(items, list):
        found = values.type_name(items)
        message = f"The result of the evaluation of 'foreach' is of type '{found}'; it must be an array."
        return Failed("InvalidActionRepeatExpression", message)
    if len(items) > limit:
        message = f"The 'foreach' would repeat its actions {len(items)} times; the limit is {limit}."
        return Failed("InvalidActionRepeatExpression", message)
    return None


def _at_a_time(ctx: ActionContext) -> int:
    if ctx.sequential or ctx.option("Sequential"):
        return 1
    configuration = ctx.evaluate(ctx.template("runtimeConfiguration"))
    if read.member(configuration, "concurrency/repetitions") is None:
        return ctx.limits.foreach_concurrency
    stated = read.integer(configuration, "concurrency/repetitions")
    if not 1 <= stated <= MOST_AT_A_TIME:
        raise read.InvalidInputs(f"The 'repetitions' of a foreach are 1 to {MOST_AT_A_TIME}; they are {stated}.")
    return stated


async def _all(ctx: ActionContext, items: list[Any], at_a_time: int) -> Counter[Status]:
    """Answer how many iterations ended in which status; those that wait are not counted."""
    ended: Counter[Status] = Counter()
    indexes = iter(range(len(items)))
    lanes = min(at_a_time, len(items))
    if lanes <= 1:
        await _lane(ctx, items, indexes, ended)
        return ended
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(_lane(ctx, items, indexes, ended))
    except BaseExceptionGroup as failures:
        # What stops the run stops it the same way from here as from anywhere.
        raise failures.exceptions[0] from None
    return ended


async def _lane(ctx: ActionContext, items: list[Any], indexes: Iterator[int], ended: Counter[Status]) -> None:
    """Take one iteration after the other, until none is left or one waits."""
    for index in indexes:
        status = ctx.iteration_status(index)
        if status is None:
            status = (await ctx.iteration("actions", index, items[index])).status
        if status is None:
            return
        ended[status] += 1
        if index % _TURN == _TURN - 1:
            await _others_turn()


async def _others_turn() -> None:
    loop = asyncio.get_running_loop()
    turn = loop.create_future()
    loop.call_soon(turn.set_result, None)
    await turn
