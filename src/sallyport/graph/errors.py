"""Errors of the Graph surface: `{"error": {code, message, innerError}}`, without exception, with the request's ids.

The rule: this is the one place that draws them; handlers raise.
"""

from __future__ import annotations

import uuid
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sallyport import errors
from sallyport.clock import Clock
from sallyport.graph import error_shapes

#: What every JSON answer says it is; generated clients choose their parser by it.
JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
_LONGEST_ID = 128
#: When to come back after the store could not take a change.
_RETRY_AFTER_SECONDS = {503: 5, 507: 30}

_log = structlog.stdlib.get_logger(__name__)


class UnknownSegment(errors.SallyportError):
    """Raised when a path names something that the service does not have."""

    code = "BadRequest"
    status = 404

    def __init__(self, segment: str) -> None:
        super().__init__(f"Resource not found for the segment '{segment}'.")
        self.segment = segment


class MethodNotAllowed(errors.SallyportError):
    """Raised when a path exists, but not for this method."""

    code = "Request_BadRequest"
    status = 405

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        super().__init__(f"Specified HTTP method '{method}' is not allowed for the request target.")
        self.allowed = allowed


class InvalidRequest(errors.BadRequest):
    """Raised when a subscription cannot be made or renewed as asked."""

    code = "InvalidRequest"


class PreconditionFailed(errors.SallyportError):
    """Raised when a resource has changed since the caller read it."""

    code = "PreconditionFailed"
    status = 412

    def __init__(self) -> None:
        super().__init__("The resource has changed since it was read.")


class Exchange:
    """The ids of one request, and what each of its answers says about them."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        self.request_id = str(state.setdefault("request_id", str(uuid.uuid4())))
        self.client_request_id = str(state.get("client_request_id") or _given_id(scope) or self.request_id)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Answer the headers that every response carries."""
        return [
            (b"request-id", self.request_id.encode()),
            (b"client-request-id", self.client_request_id.encode()),
            (b"odata-version", b"4.0"),
        ]

    def drawn(self, error: errors.SallyportError, clock: Clock) -> Response:
        """Answer an error in the shape of the standard to which the request's path belongs."""
        response = error_shapes.drawn(self._scope, error) or self._as_graph(error, clock)
        response.raw_headers.extend(self.headers)
        if isinstance(error, errors.Unauthenticated):
            response.headers["www-authenticate"] = error_shapes.challenge(self._scope)
        seconds = getattr(error, "retry_after_seconds", None) or _RETRY_AFTER_SECONDS.get(error.status)
        if seconds is not None:
            response.headers["retry-after"] = str(seconds)
        if isinstance(error, MethodNotAllowed):
            response.headers["allow"] = ", ".join(error.allowed)
        return response

    def _as_graph(self, error: errors.SallyportError, clock: Clock) -> Response:
        inner = self.inner(clock)
        if isinstance(error, errors.TooManyRequests):
            # The documented body of a 429 says more of itself, and nothing of the client's own id.
            said = {"code": "429", "status": "429", "message": "Please retry after"}
            inner = {**said, "date": inner["date"], "request-id": self.request_id}
        body = {"error": {"code": error.code, "message": error.message, "innerError": inner}}
        return Response(orjson.dumps(body), error.status, media_type=JSON)

    def inner(self, clock: Clock) -> dict[str, str]:
        """Answer what an error says about its request; the date has no zone."""
        return {
            "date": clock.now().strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": self.request_id,
            "client-request-id": self.client_request_id,
        }


class GraphErrors:
    """ASGI middleware: whatever is raised inside becomes an answer of the standard; every answer carries the ids."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope)
        started = False

        async def send_with_ids(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                present = {name for name, _ in message["headers"]}
                new = [pair for pair in exchange.headers if pair[0] not in present]
                message = {**message, "headers": [*message["headers"], *new]}
            await send(message)

        try:
            await self._app(scope, receive, send_with_ids)
        except ClientDisconnect:
            _log.info("graph.disconnected", request_id=exchange.request_id)
        except Exception as error:
            if started:
                raise
            await exchange.drawn(_known(error, exchange), self._clock)(scope, receive, send_with_ids)


def _given_id(scope: Scope) -> str:
    """Answer the caller's own id when it is one that can be sent back as it is."""
    for name, value in scope["headers"]:
        if name.lower() == b"client-request-id":
            text: str = value.decode("latin-1").strip()
            return text if len(text) <= _LONGEST_ID and text.isascii() and text.isprintable() else ""
    return ""


def _known(error: Exception, exchange: Exchange) -> errors.SallyportError:
    if isinstance(error, errors.SallyportError):
        return error
    _log.error("graph.failed", request_id=exchange.request_id, exc_info=error)
    return errors.SallyportError("An internal error occurred. Quote the request-id when you report it.")
