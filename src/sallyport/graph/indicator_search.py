"""The loop that looks for new indicators in stored alerts, and forgets those that expired long ago.

The rule: what is to be looked for stands in the database, so that whatever stops here goes on after the next start.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from sqlalchemy.engine import Connection

from sallyport.clock import Alarm, Clock
from sallyport.odata import instants
from sallyport.rounds import Rounds
from sallyport.store import alerts, indicators, schema, searches, taxii_statuses
from sallyport.store.database import Database

_log = structlog.stdlib.get_logger(__name__)

#: How long to rest when nothing is to be looked for; another process may have stored an indicator meanwhile.
_REST_SECONDS = 5.0
_PURGE_SECONDS = 3600.0
#: How many expired indicators one transaction forgets.
_FORGOTTEN_AT_ONCE = 500
_STATUSES_KEPT = timedelta(days=1)


class IndicatorSearch:
    """The loop; one for each process."""

    def __init__(self, database: Database, clock: Clock, match_days: int, retention_days: int) -> None:
        self._database = database
        self._clock = clock
        self._match = timedelta(days=match_days)
        self._kept = timedelta(days=retention_days)
        self._alarm = Alarm(clock)
        self._purge_at = clock.monotonic()
        self._rounds = Rounds(_log, "indicators", self._turn, lambda: self._alarm.rest(_REST_SECONDS))

    async def open(self) -> None:
        """Begin, with whatever was left when the last process stopped."""
        self._rounds.begin()

    async def close(self) -> None:
        """Stop."""
        await self._rounds.end()

    def ring(self) -> None:
        """Look at once: an indicator was stored."""
        self._alarm.ring()

    async def search(self) -> int:
        """Look for everything that is pending; answers in how many portions."""
        portions = 0
        while await self._portion():
            portions += 1
        return portions

    async def forget(self) -> int:
        """Delete what expired longer ago than it is kept, and old statuses; answers how much that was."""
        before = instants.of_datetime(self._clock.now() - self._kept)
        forgotten = 0
        while portion := await self._database.write(
            lambda connection: indicators.forget_expired(connection, before, _FORGOTTEN_AT_ONCE)
        ):
            forgotten += portion
        old = instants.of_datetime(self._clock.now() - _STATUSES_KEPT)
        return forgotten + await self._database.write(lambda connection: taxii_statuses.forget_before(connection, old))

    async def _portion(self) -> bool:
        """Look for the next few indicators; answers whether there were any."""
        at, since = self._at(), instants.of_datetime(self._clock.now() - self._match)
        portion = await self._database.read(lambda connection: searches.look(connection, at))
        if not portion.steps:
            return False

        def settle(connection: Connection) -> None:
            # What time it is when the hits are stored, not when they were found, nor before the wait for other
            # processes: alerts have changed then.
            schema.ordered(connection, alerts.KIND)
            searches.settle(connection, portion, self._at(), since)

        await self._database.write(settle)
        return True

    def _at(self) -> str:
        return instants.of_datetime(self._clock.now())

    async def _turn(self) -> None:
        portions = await self.search()
        if portions:
            _log.info("indicators.looked_for", portions=portions)
        if self._clock.monotonic() >= self._purge_at:
            self._purge_at = self._clock.monotonic() + _PURGE_SECONDS
            forgotten = await self.forget()
            if forgotten:
                _log.info("indicators.forgot", indicators=forgotten)
