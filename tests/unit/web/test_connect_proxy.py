"""The proxy for programs with built-in hosts: what it passes on, and what ends a tunnel."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

import peers
from sallyport.web import connect_proxy
from sallyport.web.connect_proxy import ConnectProxy

ASK = b"CONNECT graph.microsoft.com:443 HTTP/1.1\r\nHost: graph.microsoft.com:443\r\n\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@asynccontextmanager
async def proxy(target: int) -> AsyncIterator[tuple[ConnectProxy, int]]:
    """Run a proxy that leads to a port; gives its own port too."""
    running = ConnectProxy(("127.0.0.1", target))
    listening = socket.create_server(("127.0.0.1", 0))
    await running.open(listening)
    try:
        yield running, listening.getsockname()[1]
    finally:
        await running.close()


@asynccontextmanager
async def connected(port: int, *sent: bytes) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in sent:
        writer.write(piece)
        await writer.drain()
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def echo(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"got:" + request)
    await writer.drain()


@pytest.mark.parametrize("pieces", [(ASK,), (ASK[:9], ASK[9:40], ASK[40:])])
async def test_what_a_client_says_arrives_and_what_is_answered_comes_back(pieces: tuple[bytes, ...]) -> None:
    async with peers.peer(echo) as target, proxy(target) as (_, port), connected(port, *pieces) as (reader, writer):
        assert await reader.readexactly(len(ESTABLISHED)) == ESTABLISHED
        writer.write(b"hello\r\n\r\n")
        # The other end hangs up, and so does the tunnel.
        assert await reader.read() == b"got:hello\r\n\r\n"


async def test_what_was_sent_before_the_way_is_open_is_not_lost() -> None:
    sent = ASK + b"early\r\n\r\n"
    async with peers.peer(echo) as target, proxy(target) as (_, port), connected(port, sent) as (reader, _writer):
        assert await reader.read() == ESTABLISHED + b"got:early\r\n\r\n"


async def test_without_a_server_behind_it_the_proxy_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = taken.getsockname()[1]
    async with proxy(nobody) as (_, port), connected(port, ASK) as (reader, _writer):
        assert (await reader.read()).startswith(b"HTTP/1.1 502")


async def test_one_connection_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect_proxy, "_MOST_CONNECTIONS", 1)
    async with peers.peer(echo) as target, proxy(target) as (_, port), connected(port, ASK) as (reader, _writer):
        assert await reader.readexactly(len(ESTABLISHED)) == ESTABLISHED
        async with connected(port, ASK) as (refused, _):
            assert (await refused.read()).startswith(b"HTTP/1.1 503")


async def test_a_proxy_that_closes_ends_its_tunnels() -> None:
    async with peers.peer(echo) as target, proxy(target) as (running, port), connected(port, ASK) as (reader, _writer):
        assert await reader.readexactly(len(ESTABLISHED)) == ESTABLISHED
        await running.close()
        assert await reader.read() == b""


async def test_whoever_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect_proxy, "_HEAD_SECONDS", 0.05)
    async with proxy(1) as (_, port), connected(port, b"CONNECT graph") as (reader, _writer):
        assert await reader.read() == b""
