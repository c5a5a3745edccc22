"""How this surface draws an error: `{"error": {"code", "message"}}`, as Azure Resource Manager does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sallyport.errors import SallyportError, TooManyRequests

Handler = Callable[[Request], Awaitable[Response]]


def drawn(handler: Handler) -> Handler:
    """Answer a handler whose errors are drawn."""

    async def draws(request: Request) -> Response:
        try:
            return await handler(request)
        except SallyportError as error:
            return draw(error)

    return draws


def draw(error: SallyportError) -> Response:
    """Answer the response that shows an error."""
    body = orjson.dumps({"error": {"code": error.code, "message": error.message}})
    headers = {}
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after_seconds)
    elif error.status in (503, 507):
        headers["Retry-After"] = "10"
    elif error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body, error.status, headers, media_type="application/json")
