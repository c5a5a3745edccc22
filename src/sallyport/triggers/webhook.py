"""The webhook triggers, HttpWebhook and ApiConnectionWebhook: another party is asked to call the trigger's address.

The rule: a subscription is made when the workflow is saved or enabled, and given up when it is changed, disabled or
deleted. Both are looks like any other, so that a crash in between loses neither.

Deviation: a subscription that the other party refused is tried again after an hour, not only at the next save.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sallyport.actions import api_connection as api_connection_action
from sallyport.actions import http as http_action
from sallyport.actions import http_content, requests, responses
from sallyport.actions import inputs as read
from sallyport.engine.outcome import Failed
from sallyport.http_messages import ConnectionFailed, InboundResponse
from sallyport.statuses import Status
from sallyport.triggers.context import TriggerContext, digest
from sallyport.triggers.trigger_type import Change, Look, Plan, trigger
from sallyport.wdl import retry

#: After the retry policy, a subscription that could not be made is tried again so much later.
_LATER = timedelta(hours=1)
_UNSUBSCRIBE = frozenset({"unsubscribe"})

#: Subscribes; answers the response and the inputs of the request that gives up, None when there is none.
Subscribe = Callable[[TriggerContext, Any], Awaitable[tuple[InboundResponse | None, dict[str, Any] | None]]]


def begin(ctx: TriggerContext, memory: Mapping[str, Any], change: Change) -> Plan:
    """Answer that a subscription is to be made now, unless it stands and the trigger's address is the same."""
    standing = "subscription" in memory and memory.get("address") == _address(ctx)
    if change is Change.RESUMED and standing:
        return Plan(None, dict(memory))
    kept = {"subscription": memory["subscription"]} if "subscription" in memory else {}
    return Plan(ctx.now(), {**kept, "wanted": True})


@trigger("HttpWebhook", begin=begin, called=True, subscribes=True, waits_for_room=False)
async def http_webhook(ctx: TriggerContext) -> Look:
    """Send the `subscribe` request."""
    return await _subscribed(ctx, ctx.evaluate(ctx.trigger.template("inputs", without=_UNSUBSCRIBE)), _over_http)


@trigger("ApiConnectionWebhook", begin=begin, called=True, subscribes=True, waits_for_room=False)
async def api_connection_webhook(ctx: TriggerContext) -> Look:
    """Call the connector's subscribing operation."""
    return await _subscribed(ctx, ctx.evaluate(ctx.trigger.template("inputs")), _over_connector)


async def _subscribed(ctx: TriggerContext, inputs: Any, subscribe: Subscribe) -> Look:
    if not ctx.memory.get("wanted"):
        return Look(None, silent=True)
    try:
        response, leaving = await subscribe(ctx, inputs)
    except ConnectionFailed as error:
        return _failed(ctx, inputs, responses.unreachable(error))
    outcome = responses.outcome_of(ctx, response) if response is not None else None
    if isinstance(outcome, Failed):
        return _failed(ctx, inputs, outcome)
    memory: dict[str, Any] = {"wanted": True, "address": _address(ctx)}
    if leaving is not None:
        kept = {**leaving, "headers": ctx.workflow_headers, "tracking": ctx.event_id("unsubscribe")}
        memory["subscription"] = ctx.seal(kept)
    return Look(None, memory, silent=True)


async def _over_http(ctx: TriggerContext, inputs: Any) -> tuple[InboundResponse | None, dict[str, Any] | None]:
    stated = read.member(inputs, "subscribe")
    response = None
    if stated:
        request = requests.stated(stated, "uri", "POST")
        response = await http_action.sender(ctx, request.address, stated)(request)
    shown = http_content.outputs(response.status, response.headers, response.body) if response else None
    leaving = ctx.evaluate(ctx.trigger.template("inputs/unsubscribe"), {"name": ctx.trigger.name, "outputs": shown})
    return response, {"inputs": leaving} if leaving else None


async def _over_connector(ctx: TriggerContext, inputs: Any) -> tuple[InboundResponse | None, dict[str, Any] | None]:
    send = api_connection_action.caller(ctx, inputs, ctx.callback_url)
    response = await send(requests.stated(inputs, "path", "POST"))
    location = response.headers.get("location", "").strip()
    if not location:
        return response, None
    host: Any = read.required(inputs, "host")
    name = read.member(host, "connection/name") or read.text(host, "connection/referenceName")
    connection = asdict(ctx.connection(name))
    leaving = {"host": host, "path": location, "method": "DELETE"}
    return response, {"inputs": leaving, "connections": {name: connection}}


def _failed(ctx: TriggerContext, inputs: Any, failed: Failed) -> Look:
    stated = read.member(inputs, "subscribe/retryPolicy") or read.member(inputs, "retryPolicy")
    policy = retry.parse(stated, ctx.limits.retry_attempts, stateless=ctx.workflow.definition.stateless)
    repeats = int(ctx.memory.get("repeats", 0))
    if failed.retryable and repeats < policy.count:
        delay = policy.delay(repeats + 1, random.random())  # noqa: S311 - spreads repeats, keeps no secret
        return Look(ctx.now() + delay, {"wanted": True, "repeats": repeats + 1}, silent=True, repeats=True)
    return Look(
        next_at=ctx.now() + _LATER,
        memory={"wanted": True},
        status=Status.FAILED,
        code=failed.code,
        error={"code": failed.code, "message": failed.message},
        outputs=failed.outputs,
    )


def _address(ctx: TriggerContext) -> str:
    """Answer what tells one address of the trigger from another, without being one."""
    return digest(ctx.callback_url)
