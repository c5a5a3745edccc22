"""Bounds on what a caller may send: how many headers, how long a body, how slowly.

The rule: a bound is enforced while the body arrives, so that nothing over it is ever in memory. What is raised here is
drawn by the surface that was reading, or by `web.errors`.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sallyport import errors
from sallyport.clock import Clock
from sallyport.web.errors import Drawings, drawn
from sallyport.web.http_protocol import BODY_ARRIVED

_HEADERS = 100
_HEADER_BYTES = 64 * 1024
#: Any sender may take this long, and a second more for each kilobyte that it has sent.
_GRACE_SECONDS = 30.0
_SLOWEST_BYTES_A_SECOND = 1024.0


class BodyOverLimit(errors.PayloadTooLarge):
    """Raised when a body has more bytes than this server takes."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The request body is larger than the {limit_bytes} bytes that this server accepts.")
        self.limit_bytes = limit_bytes


class BodyTooSlow(errors.SallyportError):
    """Raised when a body arrives more slowly than anybody needs."""

    code = "RequestTimeout"
    status = 408

    def __init__(self) -> None:
        super().__init__("The request body did not arrive in time.")


class HeadersOverLimit(errors.SallyportError):
    """Raised when a request has more header fields, or longer ones, than anybody needs."""

    code = "RequestHeaderFieldsTooLarge"
    status = 431

    def __init__(self) -> None:
        super().__init__(f"A request may have {_HEADERS} header fields of {_HEADER_BYTES} bytes together.")


class Limits:
    """ASGI middleware that bounds every request."""

    def __init__(
        self,
        app: ASGIApp,
        clock: Clock,
        body_limit_bytes: int,
        drawings: Drawings = (),
        grace_seconds: float = _GRACE_SECONDS,
    ) -> None:
        self._app = app
        self._clock = clock
        self._limit = body_limit_bytes
        self._drawings = drawings
        self._grace = grace_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        fields = scope["headers"]
        refusal: errors.SallyportError | None = None
        announced = 0
        has_body = chunked = False
        size = 0
        for name, value in fields:
            size += len(name) + len(value)
            if name == b"content-length":
                announced = int(value) if value.isdigit() else 0
                has_body = announced > 0
            elif name == b"transfer-encoding":
                chunked = True
        if len(fields) > _HEADERS or size > _HEADER_BYTES:
            refusal = HeadersOverLimit()
        elif announced > self._limit:
            refusal = BodyOverLimit(self._limit)
        if refusal is not None:
            await drawn(scope, refusal, self._clock, self._drawings)(scope, receive, send)
            return
        # A body of announced length that came with its headers, as most do, has been bounded already.
        arrives = chunked or (has_body and BODY_ARRIVED not in scope.get("state", ()))
        await self._app(scope, self._bounded(receive) if arrives else receive, send)

    def _bounded(self, receive: Receive) -> Receive:
        seen = 0
        waited = 0.0
        complete = False

        async def bounded() -> Message:
            nonlocal seen, waited, complete
            if complete:
                return await receive()
            began = self._clock.monotonic()
            try:
                # Only waiting for the sender counts: how long a handler takes between two pieces is our own affair.
                async with asyncio.timeout(self._grace + seen / _SLOWEST_BYTES_A_SECOND - waited):
                    message = await receive()
            except TimeoutError:
                raise BodyTooSlow from None
            waited += self._clock.monotonic() - began
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise BodyOverLimit(self._limit)
            complete = not message.get("more_body", False)
            return message

        return bounded
