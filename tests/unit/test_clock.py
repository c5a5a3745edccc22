"""Time that is moved by hand."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sallyport.clock import Alarm, ManualClock


async def test_a_rest_counts_from_the_moment_it_was_asked_for() -> None:
    clock = ManualClock()
    rest = asyncio.ensure_future(Alarm(clock).rest(60))
    await asyncio.sleep(0)
    # The rest has begun, and its sleep has had no turn of its own yet.
    await clock.advance(60)
    async with asyncio.timeout(5):
        await rest
    assert clock.monotonic() == 60


async def test_sleepers_wake_in_the_order_of_their_time() -> None:
    clock, woken = ManualClock(), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    sleepers = [asyncio.ensure_future(sleeper(each)) for each in (3, 1, 2)]
    await asyncio.sleep(0)
    await clock.advance(2.5)
    assert woken == [(1, 1.0), (2, 2.0)]
    await clock.advance(1)
    await asyncio.gather(*sleepers)
    assert woken[-1] == (3, 3.0)


async def test_who_was_cancelled_is_not_waited_for() -> None:
    clock = ManualClock()
    early, late = (asyncio.ensure_future(clock.sleep(each)) for each in (1, 2))
    await asyncio.sleep(0)
    early.cancel()
    await asyncio.gather(early, return_exceptions=True)
    assert clock.next_wake_at() == clock.now() + timedelta(seconds=2)
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
    assert clock.next_wake_at() is None
