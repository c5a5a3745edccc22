"""Waits in memory: who is put away, who is not, and who is woken."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sallyport.clock import ManualClock, SystemClock
from sallyport.engine.waits import Waits

KEY = ("Act", "")
OTHER = ("Other", "")


async def test_a_long_wait_alone_is_put_away() -> None:
    clock = ManualClock()
    waits = Waits(clock)
    async with asyncio.timeout(2):
        assert await waits.wait(KEY, clock.now() + timedelta(hours=1)) is False


async def test_a_wait_for_a_report_alone_is_put_away() -> None:
    async with asyncio.timeout(2):
        assert await Waits(ManualClock()).wait(KEY, None) is False


async def test_a_short_wait_stays_in_memory_and_ends_by_the_clock() -> None:
    clock = ManualClock()
    waiting = asyncio.ensure_future(Waits(clock).wait(KEY, clock.now() + timedelta(seconds=2)))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await clock.advance(2)
    assert await waiting is True


async def test_a_long_wait_stays_in_memory_beside_a_short_one() -> None:
    clock = ManualClock()
    waits = Waits(clock)
    long = asyncio.ensure_future(waits.wait(KEY, clock.now() + timedelta(hours=1)))
    short = asyncio.ensure_future(waits.wait(OTHER, clock.now() + timedelta(seconds=1)))
    await asyncio.sleep(0.1)
    assert not long.done()
    await clock.advance(1)
    assert await short is True
    long.cancel()


async def test_a_long_wait_stays_in_memory_while_something_goes_on_and_is_put_away_after() -> None:
    clock = ManualClock()
    waits = Waits(clock)
    with waits.busy:
        waiting = asyncio.ensure_future(waits.wait(KEY, clock.now() + timedelta(hours=1)))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    async with asyncio.timeout(2):
        assert await waiting is False


async def test_a_report_ends_the_wait_of_the_one_that_it_is_for() -> None:
    waits = Waits(ManualClock())
    with waits.busy:
        mine = asyncio.ensure_future(waits.wait(KEY, None))
        other = asyncio.ensure_future(waits.wait(OTHER, None))
        await asyncio.sleep(0)
        waits.deliver(KEY, {"body": 1})
        assert await mine is True
        assert not other.done()
        other.cancel()


async def test_a_report_that_came_before_the_wait_ends_it_at_once_and_the_first_one_counts() -> None:
    waits = Waits(ManualClock())
    waits.deliver(KEY, {"body": 1})
    waits.deliver(KEY, {"body": 2})
    assert await waits.wait(KEY, None) is True
    assert waits.callbacks[KEY] == {"body": 1}


async def test_a_wait_stays_in_memory_while_others_have_so_much_to_do_that_one_step_follows_another_late() -> None:
    waits, clock = Waits(ManualClock()), SystemClock()
    waiting = asyncio.ensure_future(waits.wait(KEY, None))
    for _ in range(10):
        with waits.busy:
            await asyncio.sleep(0)
        # The event loop comes back to this run late, and more than once, before its next step begins.
        for _ in range(5):
            began = clock.monotonic()
            while clock.monotonic() - began < 0.01:
                pass
            await asyncio.sleep(0)
    assert not waiting.done()
    async with asyncio.timeout(2):
        assert await waiting is False
