"""The last net: whatever no surface has answered becomes an answer here, with the request's id and never a stack trace.

The rule: a surface draws its own errors; the table of drawings is for what fails before a surface is reached.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sallyport import errors
from sallyport.clock import Clock

#: Draws an error in one surface's shape.
Drawing = Callable[[Scope, errors.SallyportError], Response]
#: Path prefixes in lower case, and how the surface below them draws.
Drawings = Sequence[tuple[str, Drawing]]

_RETRY_AFTER_SECONDS = {503: 5, 507: 30}

_log = structlog.stdlib.get_logger(__name__)


class UnexpectedError(errors.SallyportError):
    """Raised when something went wrong that nobody foresaw; the log knows what, under the request's id."""

    def __init__(self) -> None:
        super().__init__("Something went wrong here. The request's id leads to it in the server's log.")


class Errors:
    """ASGI middleware, the outermost one: answers every exception that nobody else has answered."""

    def __init__(self, app: ASGIApp, clock: Clock, drawings: Drawings = ()) -> None:
        self._app = app
        self._clock = clock
        self._drawings = drawings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            known = _known(scope, error)
            if started:
                # Half an answer is on its way: only closing the connection tells the caller that it is no whole one.
                raise
            await drawn(scope, known, self._clock, self._drawings)(scope, receive, send)


def drawn(scope: Scope, error: errors.SallyportError, clock: Clock, drawings: Drawings = ()) -> Response:
    """Answer an error in the shape of the surface that the request was for."""
    path = str(scope.get("path", "")).lower()
    drawing = next((each for prefix, each in drawings if path.startswith(prefix)), None)
    response = plain(scope, error, clock) if drawing is None else drawing(scope, error)
    seconds = getattr(error, "retry_after_seconds", None) or _RETRY_AFTER_SECONDS.get(error.status)
    if seconds and "retry-after" not in response.headers:
        response.headers["Retry-After"] = str(seconds)
    return response


def plain(scope: Scope, error: errors.SallyportError, clock: Clock) -> Response:
    """Draw an error as Microsoft's surfaces have in common."""
    state: dict[str, Any] = scope.setdefault("state", {})
    request_id = state.setdefault("request_id", str(uuid.uuid4()))
    body = {
        "error": {
            "code": error.code,
            "message": error.message,
            "innerError": {
                "date": f"{clock.now():%Y-%m-%dT%H:%M:%S}",
                "request-id": request_id,
                "client-request-id": state.get("client_request_id", request_id),
            },
        }
    }
    return Response(orjson.dumps(body), error.status, media_type="application/json")


def _known(scope: Scope, error: Exception) -> errors.SallyportError:
    if isinstance(error, errors.SallyportError) and error.status < 500:
        return error
    request_id = scope.get("state", {}).get("request_id", "")
    if isinstance(error, errors.SallyportError) and error.status in _RETRY_AFTER_SECONDS:
        _log.warning("request.unavailable", request_id=request_id, code=error.code)
        return error
    _log.error("request.failed", request_id=request_id, method=scope["method"], path=scope["path"], exc_info=error)
    return error if isinstance(error, errors.SallyportError) else UnexpectedError()
