"""Workflow: another workflow run as a step of this one, until it answers.

The rule: one child for each action, however often the action is tried: the child's event id is the action's own.
"""

from __future__ import annotations

from typing import Any

from sallyport.actions import inputs as read
from sallyport.actions import requests, responses
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Failed, Outcome, Succeeded
from sallyport.engine.ports import ChildStart


@action("Workflow", effect=True)
async def workflow(inputs: Any, ctx: ActionContext) -> Outcome:
    """Start the child and answer its response; a child that cannot answer fails the action."""
    try:
        return await _called(inputs, ctx)
    except responses.PASSING as error:
        return responses.refused_for_now(error)


async def _called(inputs: Any, ctx: ActionContext) -> Outcome:
    child = ChildStart(
        workflow=read.text(inputs, "host/workflow/id"),
        trigger=read.text(inputs, "host/triggerName", ""),
        headers=dict(requests.signed(ctx, read.texts(inputs, "headers"))),
        body=read.member(inputs, "body"),
        event_id=f"{ctx.run_id}/{ctx.tracking_id}",
        client_tracking_id=ctx.client_tracking_id,
    )
    waits = not ctx.option("DisableAsyncPattern")
    if waits and not await ctx.ports.children.has_response(child.workflow):
        message = (
            f"The workflow '{child.workflow}' that is called by the action '{ctx.action.name}' has no Response action: "
            "it would never answer."
        )
        return Failed("NestedWorkflowDoesNotContainResponseAction", message)
    started = await ctx.ports.children.start(child)
    if started.run_id is None or not (waits and started.answers):
        shown = {"x-ms-workflow-run-id": started.run_id} if started.run_id is not None else {}
        return Succeeded({"statusCode": 202, "headers": shown}, "Accepted")
    answer = await ctx.ports.children.answer(started.run_id)
    if answer is None:
        message = f"The run '{started.run_id}' of the workflow '{child.workflow}' ended without a response."
        return Failed("BadGateway", message, error_code="NoResponse")
    outcome = responses.outcome_of(ctx, answer)
    if isinstance(outcome, Failed):
        # Asking again would find the same child with the same answer.
        return Failed(outcome.code, outcome.message, outcome.outputs)
    return outcome
