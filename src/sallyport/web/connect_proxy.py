"""A CONNECT proxy for programs with built-in hosts: it leads Microsoft's hosts to this server's own https port.

The rule: no byte goes anywhere but to that port; whatever else is asked for is refused. A program is moved here by its
proxy variable and the local authority's certificate, without DNS, root rights or a change of its code.
https://www.rfc-editor.org/rfc/rfc9110#name-connect
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from http import HTTPStatus

import orjson
import structlog

from sallyport.web.tls import BUILT_IN_HOSTS

log = structlog.stdlib.get_logger(__name__)

_REQUEST = re.compile(rb"CONNECT ([A-Za-z0-9.-]{1,253}):(\d{1,5}) HTTP/1\.[01]\r\n")
_HEAD_BYTES = 16 * 1024
_HEAD_SECONDS = 30.0
_LINGER_SECONDS = 1.0
_MOST_CONNECTIONS = 500
_PIECE = 64 * 1024


class ConnectProxy:
    """The proxy of one process."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._going_on: set[asyncio.Task[None]] = set()

    async def open(self, listening: socket.socket) -> None:
        """Begin to take connections."""
        self._server = await asyncio.start_server(self._begin, sock=listening, limit=_HEAD_BYTES)

    async def close(self) -> None:
        """Take no more connections, and end those that there are."""
        if self._server is not None:
            self._server.close()
        for task in self._going_on:
            task.cancel()
        await asyncio.gather(*self._going_on, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._talk(reader, writer))
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            refusal = await self._asked(reader)
            if refusal is not None:
                await _refuse(reader, writer, *refusal)
                return
            await self._lead(reader, writer)
        except (OSError, EOFError, TimeoutError):
            # Whoever went away needs no answer.
            log.debug("proxy.ended")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _asked(self, reader: asyncio.StreamReader) -> tuple[HTTPStatus, str] | None:
        """Answer why a request is refused, None when it is not."""
        if len(self._going_on) > _MOST_CONNECTIONS:
            return HTTPStatus.SERVICE_UNAVAILABLE, "The proxy has as many connections as it takes."
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The request line and headers are too large."
        asked = _REQUEST.match(head)
        host = asked[1].decode("latin-1").lower() if asked else ""
        if asked and host in BUILT_IN_HOSTS and int(asked[2]) == 443:
            return None
        log.warning("proxy.refused", host=host)
        return HTTPStatus.FORBIDDEN, f"This proxy leads only to {', '.join(BUILT_IN_HOSTS)}, by CONNECT to port 443."

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection(*self._target)
        except OSError as error:
            log.error("proxy.no_way", reason=str(error))
            await _refuse(reader, writer, HTTPStatus.BAD_GATEWAY, "The server's https port cannot be reached.")
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        upward = asyncio.ensure_future(_pass_on(reader, inner_writer))
        try:
            # The server ends what has been idle or slow for too long, and with it the whole tunnel.
            await _pass_on(inner_reader, writer)
        finally:
            upward.cancel()
            await asyncio.gather(upward, return_exceptions=True)
            inner_writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: HTTPStatus, message: str) -> None:
    writer.write(_answer(status, message))
    writer.write_eof()
    # Whoever still sends when a connection is closed loses the answer: what comes is read for a moment.
    async with asyncio.timeout(_LINGER_SECONDS):
        while await reader.read(_PIECE):
            pass


def _answer(status: HTTPStatus, message: str) -> bytes:
    code = "".join(word.capitalize() for word in status.name.split("_"))
    body = orjson.dumps({"error": {"code": code, "message": message}})
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
