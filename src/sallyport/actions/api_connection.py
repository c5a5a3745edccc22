"""ApiConnection: an operation of a connector, through one of the workflow's connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sallyport.actions import inputs as read
from sallyport.actions import requests
from sallyport.actions.exchange import exchange
from sallyport.actions.requests import Caller, Request, Send
from sallyport.connector_call import ConnectorCall
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome
from sallyport.http_messages import InboundResponse

_NAMES = ("host/connection/name", "host/connection/referenceName")


@action("ApiConnection", effect=True)
async def api_connection(inputs: Any, ctx: ActionContext) -> Outcome:
    """Call the operation at `path` and answer status code, headers and body; only a 2xx answer is a success."""
    return await exchange(ctx, requests.stated(inputs, "path"), caller(ctx, inputs))


def caller(ctx: Caller, inputs: Any, callback_url: str = "", origin: Mapping[str, int] | None = None) -> Send:
    """Answer what makes calls through the connection that the inputs name; `origin` is where a trigger begins.

    Raises ConnectionMissing when the workflow has no such connection.
    """
    name = next((found for path in _NAMES if isinstance(found := read.member(inputs, path), str)), None)
    connection = ctx.connection(name if name is not None else read.text(inputs, _NAMES[0]))

    async def send(request: Request) -> InboundResponse:
        call = ConnectorCall(
            api=connection.api,
            connection_id=connection.connection_id,
            method=request.method,
            path=request.address,
            queries=request.queries,
            headers=dict(requests.signed(ctx, request.headers, request.part)),
            body=request.body,
            authentication=read.member(inputs, "authentication"),
            tracking_id=ctx.tracking_id,
            client_tracking_id=ctx.client_tracking_id,
            timeout_seconds=ctx.limits.request_timeout_seconds,
            callback_url=callback_url,
            origin=origin or {},
        )
        return await ctx.ports.connectors.call(call)

    return send
