"""The parts of an answer leave together, in order, and none is lost at the end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sallyport.web.gathered_writes import GatheredWrites

MUCH_BYTES = 64 * 1024


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[GatheredWrites, socket.socket]]:
    """Answer a transport, and the socket at its other end."""
    here, there = socket.socketpair()
    there.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=here)
    with there:
        yield GatheredWrites(transport, loop), there
        transport.abort()


async def test_what_is_written_in_one_turn_arrives_as_one_piece() -> None:
    async with connected() as (writes, there):
        writes.write(b"head ")
        writes.write(b"body")
        assert await asyncio.get_running_loop().sock_recv(there, 100) == b"head body"
        writes.write(b"next")
        assert await asyncio.get_running_loop().sock_recv(there, 100) == b"next"


async def test_much_leaves_before_the_turn_ends() -> None:
    async with connected() as (writes, there):
        writes.write(b"first ")
        writes.write(b"x" * MUCH_BYTES)
        assert there.recv(6) == b"first "


async def test_closing_sends_what_was_written_before() -> None:
    async with connected() as (writes, there):
        writes.write(b"last words")
        writes.close()
        assert writes.is_closing()
        assert await asyncio.get_running_loop().sock_recv(there, 100) == b"last words"
        assert await asyncio.get_running_loop().sock_recv(there, 100) == b""


async def test_a_part_may_be_changed_after_it_was_written() -> None:
    async with connected() as (writes, there):
        part = bytearray(b"before")
        writes.write(part)
        part[:] = b"after!"
        assert await asyncio.get_running_loop().sock_recv(there, 100) == b"before"
