"""HttpWebhook and ApiConnectionWebhook: subscribe, wait until somebody reports to the callback address, unsubscribe.

The rule: what was subscribed is given up again however the wait ends, and a failure to give it up changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import structlog

from sallyport.actions import api_connection, requests, responses
from sallyport.actions import http as http_action
from sallyport.actions import inputs as read
from sallyport.actions.requests import Request, Send
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Failed, Outcome, Succeeded, Suspended, TimedOut
from sallyport.errors import SallyportError
from sallyport.http_messages import ConnectionFailed

_log = structlog.stdlib.get_logger(__name__)


@action("HttpWebhook", effect=True, deferred=("unsubscribe",), subscribes=True)
async def http_webhook(inputs: Any, ctx: ActionContext) -> Outcome:
    """Send the `subscribe` request, wait, send the `unsubscribe` request, and answer the report."""
    if ctx.resumed is not None:
        await _unsubscribe_http(ctx)
        return _reported(ctx)
    stated = read.member(inputs, "subscribe")
    if not stated:
        return Suspended(callback=True, state="")
    request = requests.stated(stated, "uri")
    return await _subscribe(ctx, request, http_action.sender(ctx, request.address, stated))


@action("ApiConnectionWebhook", effect=True, subscribes=True)
async def api_connection_webhook(inputs: Any, ctx: ActionContext) -> Outcome:
    """Call the connector's subscribing operation, wait, delete the subscription, and answer the report."""
    send = api_connection.caller(ctx, inputs, ctx.callback_url())
    if ctx.resumed is None:
        return await _subscribe(ctx, requests.stated(inputs, "path", "POST"), send)
    location = ctx.resumed.state
    if isinstance(location, str) and location:
        await _give_up(ctx, Request("DELETE", location), send)
    return _reported(ctx)


async def _subscribe(ctx: ActionContext, request: Request, send: Send) -> Outcome:
    """Subscribe, and wait; a response that refuses fails the action."""
    try:
        response = await send(request)
    except ConnectionFailed as error:
        return responses.unreachable(error)
    outcome = responses.outcome_of(ctx, response)
    if isinstance(outcome, Failed):
        return outcome
    return Suspended(callback=True, state=response.headers.get("location", ""))


async def _unsubscribe_http(ctx: ActionContext) -> None:
    try:
        stated = ctx.evaluate(ctx.template("inputs/unsubscribe"))
        if not stated:
            return
        address = "uri" if read.member(stated, "uri") is not None else "url"
        request = requests.stated(stated, address, "POST")
    except SallyportError as error:
        _not_given_up(ctx, error.code)
        return
    await _give_up(ctx, request, http_action.sender(ctx, request.address, stated))


async def _give_up(ctx: ActionContext, request: Request, send: Send) -> None:
    try:
        response = await send(replace(request, part="unsubscribe"))
    except SallyportError as error:
        _not_given_up(ctx, error.code)
        return
    if response.status >= 400:
        _not_given_up(ctx, str(response.status))


def _not_given_up(ctx: ActionContext, reason: str) -> None:
    _log.warning("webhook.not_unsubscribed", run_id=ctx.run_id, action=ctx.action.name, reason=reason)


def _reported(ctx: ActionContext) -> Outcome:
    report = ctx.resumed.callback if ctx.resumed is not None else None
    if report is None:
        return TimedOut("Nobody reported to the callback address within the time limit.")
    return Succeeded({name: value for name, value in report.items() if value is not None}, "OK")
