"""How many POSTs may be on their way at the same time."""

from __future__ import annotations

import asyncio

from sallyport.graph.gates import Gates


async def test_those_that_fail_take_no_place_from_those_that_answer() -> None:
    gates = Gates()
    stuck = [asyncio.create_task(_hang(gates, f"https://{number}", failing=True)) for number in range(200)]
    await _settled()
    assert await _enters(gates, "https://well")
    assert not await _enters(gates, "https://ill", failing=True)
    for each in stuck:
        each.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)
    assert await _enters(gates, "https://ill", failing=True)


async def test_one_endpoint_takes_no_more_than_its_share() -> None:
    gates = Gates()
    stuck = [asyncio.create_task(_hang(gates, "https://one", failing=False)) for _ in range(200)]
    await _settled()
    assert not await _enters(gates, "https://one")
    assert await _enters(gates, "https://other")
    for each in stuck:
        each.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)
    assert await _enters(gates, "https://one")


async def _hang(gates: Gates, endpoint: str, *, failing: bool) -> None:
    async with gates.through(endpoint, failing=failing):
        await asyncio.Event().wait()


async def _enters(gates: Gates, endpoint: str, *, failing: bool = False) -> bool:
    """Answer whether somebody comes through without waiting for anybody."""

    async def enter() -> None:
        async with gates.through(endpoint, failing=failing):
            pass

    task = asyncio.create_task(enter())
    await _settled()
    inside = task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return inside


async def _settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
