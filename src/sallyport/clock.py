"""The only source of time.

Everything that asks what time it is, or waits, holds a `Clock`; tests hold a `ManualClock` and move it by hand.
"""

from __future__ import annotations

import asyncio
import functools
import heapq
import itertools
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol


class Clock(Protocol):
    """A source of the present moment, and a way to wait for a later one."""

    def now(self) -> datetime:
        """Answer the present moment, in UTC."""
        ...

    def monotonic(self) -> float:
        """Answer seconds on a clock that never goes backwards; only differences mean something."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        ...


class SystemClock:
    """The machine's own clock."""

    # Asked some thirty times in a small run, and so without a function of ours around them.
    now = staticmethod(functools.partial(datetime.now, UTC))
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


async def give_way() -> None:
    """Let everything else that is ready run first."""
    await asyncio.sleep(0)


class Alarm:
    """A rest that anybody may cut short."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """End the present rest, or the next one before it begins."""
        self._rung.set()

    async def rest(self, seconds: float) -> None:
        """Wait for a number of seconds, or until the alarm rings."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        ringing = asyncio.ensure_future(self._rung.wait())
        try:
            await asyncio.wait((sleeping, ringing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            ringing.cancel()
        self._rung.clear()


async def _until(woken: asyncio.Future[None]) -> None:
    await woken


class ManualClock:
    """A clock that stands still until it is advanced; sleepers wake in the order of their time."""

    def __init__(self, start: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._start = start
        self._order = itertools.count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._start).total_seconds()

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        """Wait until so long after the moment of this call, however long the caller then takes to await it."""
        if seconds <= 0:
            return give_way()
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + timedelta(seconds=seconds), next(self._order), woken))
        return _until(woken)

    def next_wake_at(self) -> datetime | None:
        """Answer when the earliest sleeper is due, or None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            # Whoever slept there was cancelled.
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    async def advance(self, by: timedelta | float) -> None:
        """Move forward, waking each sleeper at its own moment on the way."""
        until = self._now + (by if isinstance(by, timedelta) else timedelta(seconds=by))
        while self._sleepers and self._sleepers[0][0] <= until:
            due, _, woken = heapq.heappop(self._sleepers)
            self._now = max(self._now, due)
            if not woken.done():
                woken.set_result(None)
            for _ in range(5):
                await asyncio.sleep(0)
        self._now = until
