"""Http: one request to any address that the installation lets out."""

from __future__ import annotations

from typing import Any

from sallyport.actions import addresses, authentication, http_content, requests
from sallyport.actions import inputs as read
from sallyport.actions.exchange import exchange
from sallyport.actions.requests import Caller, Request, Send
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome
from sallyport.http_messages import Headers, InboundResponse, OutboundRequest


@action("Http", effect=True)
async def http(inputs: Any, ctx: ActionContext) -> Outcome:
    """Send the request and answer status code, headers and body; an answer other than 2xx fails the action."""
    request = requests.stated(inputs, "uri")
    return await exchange(ctx, request, sender(ctx, request.address, inputs))


def sender(ctx: Caller, uri: str, inputs: Any) -> Send:
    """Answer what sends requests as the inputs say, which the first one goes to `uri`.

    What is meant for that origin, credentials and the author's headers, goes to no other.
    """

    async def send(request: Request) -> InboundResponse:
        url = addresses.with_queries(addresses.pointed(uri, request.address), request.queries)
        trusted = addresses.same_origin(uri, url)
        headers = requests.signed(ctx, await _headers(ctx, request, inputs) if trusted else {}, request.part)
        content, content_type = _content(request, headers)
        if content_type:
            headers = headers.with_default("Content-Type", content_type)
        seconds = ctx.limits.request_timeout_seconds
        return await ctx.ports.http.send(
            OutboundRequest(request.method, url, headers, content, timeout_seconds=seconds)
        )

    return send


async def _headers(ctx: Caller, request: Request, inputs: Any) -> dict[str, str]:
    headers = dict(request.headers)
    if read.member(inputs, "cookie") is not None:
        headers["Cookie"] = read.text(inputs, "cookie")
    # Credentials stated as such win over a header of the same name.
    proved = await authentication.authorization(ctx, read.member(inputs, "authentication"))
    return {name: value for name, value in headers.items() if not proved or name.casefold() != "authorization"} | proved


def _content(request: Request, headers: Headers) -> tuple[bytes, str]:
    try:
        return http_content.encode(request.body, headers.get("content-type", ""))
    except ValueError:
        raise read.InvalidInputs("The '$content' of the body is not base64.") from None
