"""The last net: whatever no surface has answered becomes an answer here, with the request's id and never a stack trace.

The rule: a surface draws its own errors; the table of drawings is for what fails before a surface is reached.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sallyport import errors
from sallyport.clock import Clock

#: Draws an error in one surface's shape.
Drawing = Callable[[Scope, errors.SallyportError], Response]
#: Path patterns in lower case, in which `*` is anything, and how the surface behind them draws.
Drawings = Sequence[tuple[str, Drawing]]

_RETRY_AFTER_SECONDS = {503: 5, 507: 30}

#: How much of a path a message repeats.
_LONGEST_PATH = 200

_log = structlog.stdlib.get_logger(__name__)


class UnexpectedError(errors.SallyportError):
    """Raised when something went wrong that nobody foresaw; the log knows what, under the request's id."""

    def __init__(self) -> None:
        super().__init__("Something went wrong here. The request's id leads to it in the server's log.")


class NothingHere(errors.NotFound):
    """Raised when no surface has a path."""

    def __init__(self, path: str) -> None:
        # Whoever opens the server's bare address looks for the way in.
        way_in = " The API is below /v1.0 and /beta, and described at /openapi.json." if path == "/" else ""
        super().__init__(f"There is nothing at the path '{path[:_LONGEST_PATH]}'.{way_in}")
        self.path = path


class MethodRefused(errors.SallyportError):
    """Raised when a path exists, but not for the method that was used."""

    code = "MethodNotAllowed"
    status = 405

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        super().__init__(f"The method '{method}' is not allowed here; allowed: {', '.join(allowed)}.")
        self.allowed = allowed


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
            # With an application in the scope, the router raises what it cannot route instead of answering in text.
            scope["app"] = self
            await self._app(scope, receive, noting)
        except ClientDisconnect:
            _log.info("request.disconnected", request_id=scope.get("state", {}).get("request_id", ""))
        except Exception as error:
            known = _known(scope, error)
            if started:
                # Half an answer is on its way: only closing the connection tells the caller that it is no whole one.
                raise
            await drawn(scope, known, self._clock, self._drawings)(scope, receive, send)


def drawn(scope: Scope, error: errors.SallyportError, clock: Clock, drawings: Drawings = ()) -> Response:
    """Answer an error in the shape of the surface that the request was for."""
    path = str(scope.get("path", "")).lower()
    drawing = next((each for pattern, each in drawings if fnmatchcase(path, pattern)), None)
    response = plain(scope, error, clock) if drawing is None else drawing(scope, error)
    seconds = getattr(error, "retry_after_seconds", None) or _RETRY_AFTER_SECONDS.get(error.status)
    if seconds and "retry-after" not in response.headers:
        response.headers["Retry-After"] = str(seconds)
    if isinstance(error, MethodRefused):
        response.headers["Allow"] = ", ".join(error.allowed)
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
    if isinstance(error, HTTPException) and error.status_code in (404, 405):
        return _unrouted(scope, error.status_code)
    if isinstance(error, errors.SallyportError) and error.status < 500:
        return error
    request_id = scope.get("state", {}).get("request_id", "")
    if isinstance(error, errors.SallyportError) and error.status in _RETRY_AFTER_SECONDS:
        _log.warning("request.unavailable", request_id=request_id, code=error.code, reason=str(error))
        return error
    _log.error("request.failed", request_id=request_id, method=scope["method"], path=scope["path"], exc_info=error)
    return error if isinstance(error, errors.SallyportError) else UnexpectedError()


def _unrouted(scope: Scope, status: int) -> errors.SallyportError:
    if status != 405:
        return NothingHere(scope["path"])
    routes = [each for each in scope["router"].routes if isinstance(each, Route)]
    fitting = [each for each in routes if each.matches(scope)[0] is Match.PARTIAL]
    return MethodRefused(scope["method"], sorted({method for each in fitting for method in each.methods or ()}))
