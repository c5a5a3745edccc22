"""The HTTP protocol of a connection, with bounds on what comes before a body: how much, and how slowly.

The rule: what is no HTTP request is answered in JSON too, because clients read every answer as JSON.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sallyport.web.gathered_writes import GatheredWrites
from sallyport.web.request_line import RequestLine

#: Set in the state of a request whose body has arrived whole: nobody need watch how it arrives.
BODY_ARRIVED = "body_arrived"
#: The longest that a request line and headers may take to arrive, in seconds.
_HEAD_SECONDS = 30.0
#: Above every bound of `web.limits`: what is larger is not worth an answer of its surface.
_HEAD_BYTES = 256 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    #: When the request line and headers that are awaited must be complete.
    _deadline: asyncio.TimerHandle | None = None
    #: Whether what arrives next belongs to a request line or headers, and how much of them has arrived.
    _before_body = True
    _head_bytes = 0
    _in_first_line = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        self._first_line = RequestLine()
        super().connection_made(transport)
        self.transport = GatheredWrites(transport, self.loop)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived, unless a request line and headers become too large."""
        if self._before_body:
            # Counted from the second piece on: the first may hold much of a body as well.
            if self._head_bytes > _HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The request line and headers are too large.")
                return
            self._head_bytes += len(data)
            if self._in_first_line:
                data = self._first_line.taken(data)
                self._in_first_line = not data
        if data:
            super().data_received(data)
        if self._before_body and self._head_bytes and self._deadline is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """Leave the request to the application, which has bounds of its own."""
        self._before_body = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect another request behind this one's body."""
        self._before_body = self._in_first_line = True
        self._head_bytes = 0
        self.scope["state"][BODY_ARRIVED] = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP request."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(_HEAD_SECONDS, self._late)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time.")

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self._stop_waiting()
        code = "".join(word.capitalize() for word in status.name.split("_"))
        body = orjson.dumps({"error": {"code": code, "message": message}})
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
