"""Who in a run waits for what, while the run is in memory; when only long waits are left, the run is put away.

The rule: putting away loses nothing, because the history knows every wait; but what was put away hears of nothing until
the whole run is claimed again. So a wait is kept in memory while anything else of the run goes on, and while it is
short.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from sallyport.clock import Clock
from sallyport.engine.outcome import Outcome
from sallyport.engine.records import Key

#: A wait that ends sooner than this is not worth putting the run away for.
_SHORT_SECONDS = 2.0
#: How long nothing must go on before the run is put away: the time in which one step may follow another.
_QUIET_SECONDS = 0.02
#: For how many rounds of the event loop, too: when it has much to do, one step follows another in later than that time.
_QUIET_ROUNDS = 50


class _Busy:
    """Entered by each step, side by side and one in another: a generator would cost more than a small step itself."""

    __slots__ = ("_left", "_waiting", "entered")

    def __init__(self, waiting: Collection[Key], left: Callable[[], None]) -> None:
        self._waiting = waiting
        self._left = left
        #: How many have entered it and not left it.
        self.entered = 0

    def __enter__(self) -> None:
        self.entered += 1

    def __exit__(self, *_: object) -> None:
        self.entered -= 1
        # While nobody waits, nobody watches whether all is quiet; and who begins to wait stirs by that.
        if self._waiting:
            self._left()


class Waits:
    """The waits of one run that is in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: How often something began or ended, as far as anybody waited meanwhile.
        self._stirs = 0
        #: Whether it is being seen whether all stays quiet.
        self._watching = False
        self._waiting: dict[Key, tuple[asyncio.Future[bool], datetime | None]] = {}
        #: Says, while it is entered, that something goes on that is not waiting.
        self.busy = _Busy(self._waiting, self._stir)
        #: Requests that came to callback addresses, by who waits for them.
        self.callbacks: dict[Key, dict[str, Any]] = {}
        #: Calls of actions that others are to report to, which went on when the run was ended.
        self.unanswered: dict[Key, asyncio.Future[Outcome]] = {}

    async def wait(self, key: Key, until: datetime | None) -> bool:
        """Wait until a moment or a callback; answer False when the run is to be put away instead."""
        if key in self.callbacks:
            return True
        woken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[key] = (woken, until)
        alarm = asyncio.ensure_future(self._alarm(woken, until)) if until is not None else None
        self._stir()
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
        if waiting is not None:
            self._wake(waiting[0])

    async def _alarm(self, woken: asyncio.Future[bool], until: datetime) -> None:
        await self._clock.sleep((until - self._clock.now()).total_seconds())
        self._wake(woken)

    def _wake(self, woken: asyncio.Future[bool]) -> None:
        if not woken.done():
            woken.set_result(True)
            self._stir()

    def _stir(self) -> None:
        self._stirs += 1
        if not self.busy.entered and self._waiting and not self._watching:
            self._watching = True
            self._watch_anew()

    def _watch_anew(self) -> None:
        asyncio.get_running_loop().call_later(_QUIET_SECONDS, self._watch, self._stirs, _QUIET_ROUNDS)

    def _watch(self, stirs: int, rounds: int) -> None:
        """See whether all stays quiet, and put the run away in the end; what goes on begins another watch."""
        if self.busy.entered or not self._waiting:
            self._watching = False
        elif stirs != self._stirs:
            self._watch_anew()
        elif rounds:
            asyncio.get_running_loop().call_soon(self._watch, stirs, rounds - 1)
        else:
            self._watching = False
            self._put_away()

    def _put_away(self) -> None:
        now = self._clock.now()
        remaining = [(until - now).total_seconds() for _, until in self._waiting.values() if until is not None]
        if remaining and min(remaining) <= _SHORT_SECONDS:
            return
        for woken, _ in self._waiting.values():
            if not woken.done():
                woken.set_result(False)
