"""A loop goes on whatever one of its rounds meets, and stops when it is told to."""

from __future__ import annotations

import asyncio

import structlog
from structlog.testing import capture_logs

from sallyport.errors import StorageUnavailable
from sallyport.rounds import Rounds


async def test_what_goes_wrong_in_a_round_is_logged_and_the_next_begins() -> None:
    met: list[Exception | None] = [StorageUnavailable("The database is away."), RuntimeError("canary"), None]
    done = asyncio.Event()

    async def work() -> None:
        error = met.pop(0)
        if error is not None:
            raise error
        done.set()

    async def rest() -> None:
        await asyncio.sleep(0 if met else 3600)

    with capture_logs() as logged:
        rounds = Rounds(structlog.stdlib.get_logger("test"), "sweeping", work, rest)
        rounds.begin()
        async with asyncio.timeout(60):
            await done.wait()
        await rounds.end()
    assert [each["event"] for each in logged] == ["sweeping.stalled", "sweeping.broken", "sweeping.going_on"]
    assert logged[0]["error"] == "The database is away."


async def test_what_goes_wrong_in_the_same_way_is_logged_ever_more_seldom() -> None:
    full, away = StorageUnavailable("No room."), StorageUnavailable("Away.")
    met: list[Exception | None] = [*[full] * 1000, away, *[full] * 3, None, full]
    done = asyncio.Event()

    async def work() -> None:
        if not met:
            done.set()
            return
        error = met.pop(0)
        if error is not None:
            raise error

    with capture_logs() as logged:
        rounds = Rounds(structlog.stdlib.get_logger("test"), "sweeping", work, lambda: asyncio.sleep(0))
        rounds.begin()
        async with asyncio.timeout(60):
            await done.wait()
        await rounds.end()
    told = [each.get("times") or each["failed_times"] for each in logged]
    assert told == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1, 1, 2, 3, 1, 1]
    assert [each["event"] for each in logged].count("sweeping.going_on") == 2


async def test_a_round_that_is_under_way_is_broken_off_at_the_end() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    rounds = Rounds(structlog.stdlib.get_logger("test"), "waiting", work, lambda: asyncio.sleep(0))
    await rounds.end()
    rounds.begin()
    async with asyncio.timeout(60):
        await begun.wait()
        await rounds.end()
    assert ended.is_set()
