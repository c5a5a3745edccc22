"""How this surface draws an error: `{"error": {"code", "message"}}`, as Azure Resource Manager does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sallyport.errors import SallyportError, TooManyRequests
from sallyport.management.resource import DefinitionRefused

Handler = Callable[[Request], Awaitable[Response]]


class Drawn:
    """A handler as an ASGI application, whose errors are drawn in this surface's shape."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            response = await self.handler(Request(scope, receive, send))
        except SallyportError as error:
            response = draw(error)
        await response(scope, receive, send)


def draw(error: SallyportError) -> Response:
    """Answer the response that shows an error."""
    drawn: dict[str, Any] = {"code": error.code, "message": error.message}
    if isinstance(error, DefinitionRefused):
        drawn["details"] = [
            {"code": each.code, "target": each.pointer or "/", "message": each.message} for each in error.findings
        ]
    body = orjson.dumps({"error": drawn})
    headers = {}
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after_seconds)
    elif error.status in (503, 507):
        headers["Retry-After"] = "10"
    elif error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body, error.status, headers, media_type="application/json")
