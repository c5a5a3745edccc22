"""Connections stay open while they are used, a pool for each origin, and are closed when nobody uses them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from peers import answer, peer
from sallyport.clock import ManualClock
from sallyport.http_messages import OutboundRequest
from sallyport.web.egress import Egress
from sallyport.web.egress_policy import EgressPolicy


async def here(_request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(body=b"here"))
    await writer.drain()


async def test_origins_keep_connections_of_their_own_until_nobody_has_used_them_for_a_while() -> None:
    clock = ManualClock()
    egress = Egress(EgressPolicy.of(["127.0.0.1"]), clock)
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(peer(here)) for _ in range(3)]
        for port in ports:
            assert (await egress.send(OutboundRequest("GET", f"http://127.0.0.1:{port}/"))).status == 200
        assert len(egress._pools) == 3
        await clock.advance(6)
        await egress.send(OutboundRequest("GET", f"http://127.0.0.1:{ports[0]}/"))
        assert len(egress._pools) == 1
        await egress.close()
        assert len(egress._pools) == 0


async def test_what_is_under_way_is_not_closed_however_long_it_takes() -> None:
    clock, going, asked = ManualClock(), asyncio.Event(), asyncio.Event()

    async def late(_request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await going.wait()
        writer.write(answer(body=b"late"))
        await writer.drain()

    egress = Egress(EgressPolicy.of(["127.0.0.1"]), clock)
    async with peer(late) as slow, peer(here) as other:
        waiting = asyncio.create_task(egress.send(OutboundRequest("GET", f"http://127.0.0.1:{slow}/")))
        await asked.wait()
        await clock.advance(60)
        await egress.send(OutboundRequest("GET", f"http://127.0.0.1:{other}/"))
        going.set()
        assert (await waiting).body == b"late"
        await egress.close()
