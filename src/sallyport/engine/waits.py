"""Who in a run waits for what, while the run is in memory; when only long waits are left, the run is put away.

The rule: putting away is never wrong, only more work, because the history knows every wait. So a wait is kept in memory
while something else goes on or while it is short.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sallyport.clock import Clock
from sallyport.engine.records import Key

#: A wait that ends sooner than this is not worth putting the run away for.
_SHORT_SECONDS = 2.0
#: How long nothing must go on before the run is put away: the time in which one step may follow another.
_QUIET_SECONDS = 0.02


class Waits:
    """The waits of one run that is in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._busy = 0
        self._waiting: dict[Key, tuple[asyncio.Future[bool], datetime | None]] = {}
        #: Requests that came to callback addresses, by who waits for them.
        self.callbacks: dict[Key, dict[str, Any]] = {}

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Say that something goes on that is not waiting."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._consider()

    async def wait(self, key: Key, until: datetime | None) -> bool:
        """Wait until a moment or a callback; answer False when the run is to be put away instead."""
        if key in self.callbacks:
            return True
        woken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[key] = (woken, until)
        alarm = asyncio.ensure_future(self._alarm(woken, until)) if until is not None else None
        self._consider()
        try:
            return await woken
        finally:
            del self._waiting[key]
            if alarm is not None:
                alarm.cancel()

    def deliver(self, key: Key, request: dict[str, Any]) -> None:
        """Hand a callback's request to whoever waits for it, now or soon."""
        self.callbacks.setdefault(key, request)
        waiting = self._waiting.get(key)
        if waiting is not None and not waiting[0].done():
            waiting[0].set_result(True)

    async def _alarm(self, woken: asyncio.Future[bool], until: datetime) -> None:
        await self._clock.sleep((until - self._clock.now()).total_seconds())
        if not woken.done():
            woken.set_result(True)

    def _consider(self) -> None:
        if not self._busy and self._waiting:
            asyncio.get_running_loop().call_later(_QUIET_SECONDS, self._put_away)

    def _put_away(self) -> None:
        if self._busy or not self._waiting:
            return
        now = self._clock.now()
        remaining = [(until - now).total_seconds() for _, until in self._waiting.values() if until is not None]
        if remaining and min(remaining) <= _SHORT_SECONDS:
            return
        for woken, _ in self._waiting.values():
            if not woken.done():
                woken.set_result(False)
