"""Lets the limits on requests hold for all processes on one PostgreSQL database together.

The rule: every second a process tells the others how many requests it has let pass, and takes from its own buckets what
they tell; between two such moments, and while the database is gone, it counts alone. So an application that asks many
processes at once may pass more within a second than a limit allows, and waits for it afterwards: over time the limit
holds.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

import structlog

from sallyport.clock import Clock
from sallyport.graph.throttle import Throttle
from sallyport.odata import instants
from sallyport.rounds import Rounds
from sallyport.store import throttle_counts
from sallyport.store.database import Database
from sallyport.store.throttle_counts import Key

#: How often processes tell each other.
EVERY_SECONDS = 1.0
#: What was told so long ago may be read again: clocks of machines differ, and a message may wait.
_OVERLAP = timedelta(seconds=30)
#: What a process has not told again for so long is forgotten: it counts anew before that (`throttle.ANEW_SECONDS`).
_KEPT = timedelta(minutes=10)

_log = structlog.stdlib.get_logger(__name__)


class Sharing:
    """The loop of one process; on SQLite there is nobody to share with."""

    def __init__(self, database: Database, clock: Clock, throttle: Throttle) -> None:
        self._database = database
        self._clock = clock
        self._throttle = throttle
        self._process = str(uuid.uuid4())
        self._told: dict[Key, int] = {}
        #: What others have told, and when that was heard; None before anything was read.
        self._heard: dict[tuple[str, Key], tuple[int, float]] | None = None
        #: When was read last; at first everything is read that others may go on counting from.
        self._read_at = clock.now() - _KEPT
        self._forget_at = clock.monotonic()
        self._rounds = Rounds(_log, "throttle", self.exchange, lambda: clock.sleep(EVERY_SECONDS))

    async def open(self) -> None:
        """Begin, when there are limits and may be other processes."""
        if self._throttle.limited and self._database.dialect == "postgresql":
            self._rounds.begin()

    async def close(self) -> None:
        """Stop."""
        await self._rounds.end()

    async def exchange(self) -> None:
        """Tell the others what has passed here, and take from the buckets what has passed there."""
        passed = self._throttle.passed()
        news = {key: number for key, number in passed.items() if self._told.get(key) != number}
        now = self._clock.now()
        at, since = instants.of_datetime(now), instants.of_datetime(self._read_at - _OVERLAP)
        if news:
            await self._database.write(lambda connection: throttle_counts.put(connection, self._process, news, at))
            self._told = passed
        found = await self._database.read(lambda connection: throttle_counts.others(connection, self._process, since))
        self._read_at = now
        self._hear(found)
        if self._clock.monotonic() >= self._forget_at:
            self._forget_at = self._clock.monotonic() + _KEPT.total_seconds()
            before = instants.of_datetime(now - _KEPT)
            await self._database.write(lambda connection: throttle_counts.forget(connection, before))

    def _hear(self, found: dict[tuple[str, Key], int]) -> None:
        before, now = self._heard, self._clock.monotonic()
        for key, number in found.items():
            # What passed before this process began is none of its buckets'; a number that fell began anew.
            known = number if before is None else before.get(key, (0, 0.0))[0]
            since = number - known if number >= known else number
            if since:
                self._throttle.spend(*key[1], since)
        kept = {key: told for key, told in (before or {}).items() if now - told[1] <= _KEPT.total_seconds()}
        self._heard = {**kept, **{key: (number, now) for key, number in found.items()}}
