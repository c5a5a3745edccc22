"""A call of the outside as an action states it, whatever will carry it, and the headers that say who is calling."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sallyport.actions import inputs as read
from sallyport.engine.context import ActionContext
from sallyport.http_messages import Headers, InboundResponse


@dataclass(frozen=True, slots=True)
class Request:
    """A call; `address` is a URL or a connector's path."""

    method: str
    address: str
    queries: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


#: Sends a request and answers the response, whatever its status; raises ConnectionFailed when none came.
Send = Callable[[Request], Awaitable[InboundResponse]]


def stated(inputs: Any, address: str, default_method: str = "") -> Request:
    """Answer the call that inputs state; `address` names the member that says where to."""
    queries = read.member(inputs, "queries")
    return Request(
        (read.text(inputs, "method", default_method) or read.text(inputs, "method")).upper(),
        read.text(inputs, address),
        queries if isinstance(queries, dict) else {},
        read.texts(inputs, "headers"),
        read.member(inputs, "body"),
    )


def signed(ctx: ActionContext, headers: Mapping[str, str]) -> Headers:
    """Answer the author's headers, and those that tell the other side who is calling and what is a repeat."""
    found = Headers(headers)
    ours = {} if ctx.option("SuppressWorkflowHeaders") else dict(ctx.workflow_headers)
    ours["Idempotency-Key"] = ctx.tracking_id
    ours["x-ms-client-tracking-id"] = ctx.client_tracking_id
    for name, value in ours.items():
        found = found.with_default(name, value)
    return found
