"""Forgets runs and what belongs to them when their time is over, in the background."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from sallyport.clock import Clock
from sallyport.errors import SallyportError
from sallyport.store import retention, schema
from sallyport.store.database import Database

log = structlog.get_logger(__name__)

#: How long to rest after everything old is forgotten.
_REST_SECONDS = 3600.0
#: How long to let others write between two portions.
_PAUSE_SECONDS = 0.2


class Retention:
    """The loop that forgets; one for each process."""

    def __init__(self, database: Database, clock: Clock, kept: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._kept = kept
        self._loop: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to forget."""
        self._loop = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Stop."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def forget(self) -> int:
        """Forget everything that is too old; answers how many rows that were."""
        before = schema.instant(self._clock.now() - self._kept)
        forgotten = 0
        while portion := await self._database.write(lambda connection: retention.purge(connection, before)):
            forgotten += portion
            await self._clock.sleep(_PAUSE_SECONDS)
        return forgotten

    async def _work(self) -> None:
        while True:
            try:
                forgotten = await self.forget()
                if forgotten:
                    log.info("retention.forgot", rows=forgotten)
            except SallyportError as error:
                log.warning("retention.stalled", error=error.message)
            await self._clock.sleep(_REST_SECONDS)
