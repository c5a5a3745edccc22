"""Shares the processor among the runs of a process, so that none of them keeps requests and other runs waiting.

The rule: who has computed for long waits in line; the line is served one at a time, run after run, and between any two
the event loop sees to everything else.
"""

from __future__ import annotations

import asyncio
from collections import deque

from sallyport.clock import Clock

#: How long somebody may compute while others wait, in seconds.
_SLICE_SECONDS = 0.005


class Turns:
    """One for each process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: When computing began, since the event loop last saw to everything else.
        self._began: float | None = None
        self._holder = ""
        #: Who waits, by run; the first run is the next.
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}

    def is_due(self, run_id: str) -> bool:
        """Answer whether a run may go on at once: while nobody has computed for long; else it must `take` its turn."""
        now = self._clock.monotonic()
        if self._began is None:
            if self._lines:
                return False
            self._began = now
            asyncio.get_running_loop().call_soon(self._rested)
            return True
        return now - self._began < _SLICE_SECONDS and (not self._lines or run_id == self._holder)

    async def take(self, run_id: str) -> None:
        """Go on at once if the run may, else when it is its turn."""
        if not self.is_due(run_id):
            await self._wait(run_id)

    async def _wait(self, run_id: str) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        if not self._lines:
            loop.call_soon(self._serve)
        self._lines.setdefault(run_id, deque()).append(turn)
        await turn

    def _serve(self) -> None:
        """Let the next one go on; whoever is served later waits for another round of the event loop."""
        while self._lines:
            run_id = next(iter(self._lines))
            line = self._lines.pop(run_id)
            turn = line.popleft()
            if line:
                self._lines[run_id] = line
            if not turn.done():
                self._holder, self._began = run_id, self._clock.monotonic()
                turn.set_result(None)
                asyncio.get_running_loop().call_soon(self._serve if self._lines else self._rested)
                return
        self._rested()

    def _rested(self) -> None:
        if not self._lines:
            self._began, self._holder = None, ""
