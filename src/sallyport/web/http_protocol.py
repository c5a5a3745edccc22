"""The HTTP protocol of a connection, with bounds on what comes before a body: how much, and how slowly.

The rule: what is no HTTP request is answered in JSON too, because clients read every answer as JSON.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: The longest that a request line and headers may take to arrive, in seconds.
_HEAD_SECONDS = 30.0
#: Above every bound of `web.limits`: what is larger is not worth an answer of its surface.
_HEAD_BYTES = 256 * 1024
#: What clients write into a query as it is, although HTTP wants it encoded: blanks, and letters beyond ASCII.
_RAW = re.compile(rb"[ \x80-\xff]")


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    #: When the request line and headers that are awaited must be complete.
    _deadline: asyncio.TimerHandle | None = None
    #: Whether what arrives next belongs to a request line or headers, and how much of them has arrived.
    _before_body = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
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
            if self._head_bytes == 0:
                data = _encoded(data)
            self._head_bytes += len(data)
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
        self._before_body = True
        self._head_bytes = 0
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


def _encoded(data: bytes) -> bytes:
    """Answer the first bytes of a request, with what stands raw in its query encoded.

    Scripts send filters as people write them. Only the query is mended: no path, and so no decision about who may do
    what, depends on it.
    """
    line = data[: max(data.find(b"\r\n"), 0)]
    question, version = line.find(b"?"), line.rfind(b" HTTP/1.")
    if not 0 <= question < version or _RAW.search(line, question, version) is None:
        return data
    query = _RAW.sub(lambda raw: b"%%%02X" % raw[0][0], line[question:version])
    return line[:question] + query + data[version:]
