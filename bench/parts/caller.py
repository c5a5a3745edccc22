"""Sends one request over and over from several connections, with as little work as can be: the server is measured.

The rule: every answer is read whole, and must be a 200.
"""

from __future__ import annotations

import re
import selectors
import socket
import sys
from time import perf_counter
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_PIECE = 65536
#: The server gives up before that.
_SECONDS = 300.0


def call(url: str, content: bytes | None, concurrency: int, number: int) -> float:
    """Post JSON, or get when there is none, so many times, from so many connections at once; answer the seconds."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if content is None:
        request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    else:
        head = (
            f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        request = head.encode() + content
    connections = [_connected(parts.hostname or "", parts.port or 80) for _ in range(min(concurrency, number))]
    try:
        start = perf_counter()
        _go_on(connections, request, number)
        return perf_counter() - start
    finally:
        for each in connections:
            each.close()


def _go_on(connections: list[socket.socket], request: bytes, number: int) -> None:
    """Keep one request on its way in each connection until there were so many."""
    left, open_ = number - len(connections), len(connections)
    with selectors.DefaultSelector() as waiting:
        for each in connections:
            waiting.register(each, selectors.EVENT_READ, each)
            each.sendall(request)
        while open_:
            ready = waiting.select(_SECONDS)
            if not ready:
                sys.exit("the server does not answer")
            for key, _ in ready:
                _read(key.data)
                if left:
                    left -= 1
                    key.data.sendall(request)
                else:
                    open_ -= 1


def _read(connection: socket.socket) -> None:
    """Read one answer."""
    answer = connection.recv(_PIECE)
    while (end := answer.find(b"\r\n\r\n")) < 0 and (more := connection.recv(_PIECE)):
        answer += more
    length = _LENGTH.search(answer, 0, end + 2)
    if not answer.startswith(b"HTTP/1.1 200 ") or length is None:
        sys.exit(f"the server answered {answer!r}")
    missing = end + 4 + int(length[1]) - len(answer)
    while missing > 0 and (more := connection.recv(missing)):
        missing -= len(more)
    if missing:
        sys.exit(f"the server sent {missing} bytes too few or too many")


def _connected(host: str, port: int) -> socket.socket:
    connection = socket.create_connection((host, port), timeout=_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
