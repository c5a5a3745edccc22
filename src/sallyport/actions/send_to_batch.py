"""SendToBatch: one message for a workflow that gathers messages into batches."""

from __future__ import annotations

from typing import Any

from sallyport.actions import inputs as read
from sallyport.actions import responses
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome, Succeeded
from sallyport.engine.ports import BatchMessage


@action("SendToBatch", effect=True)
async def send_to_batch(inputs: Any, ctx: ActionContext) -> Outcome:
    """Add the message to its batch, once however often it is tried."""
    message = BatchMessage(
        workflow=read.text(inputs, "host/workflow/id"),
        trigger=read.text(inputs, "host/triggerName"),
        batch_name=read.text(inputs, "batchName"),
        content=read.member(inputs, "content"),
        message_id=read.text(inputs, "messageId", "") or ctx.tracking_id,
        partition=read.text(inputs, "partitionName", "") or "DEFAULT",
        delivery_id=ctx.tracking_id,
    )
    try:
        await ctx.ports.batches.send(message)
    except responses.PASSING as error:
        return responses.refused_for_now(error)
    return Succeeded({"body": {"messageId": message.message_id, "partitionName": message.partition}})
