"""Notes what was delivered: how far each address has come, for all of them in one transaction at a time.

The rule: an address is told of what follows without waiting for this, so a crash repeats what was told since the last
commit, under the same ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import structlog
from sqlalchemy.engine import Connection

from sallyport.clock import Clock
from sallyport.errors import SallyportError
from sallyport.store import lanes
from sallyport.store.database import Database

log = structlog.stdlib.get_logger(__name__)

_AGAIN_SECONDS = 1.0


class Receipts:
    """What is still to be noted."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._places: dict[int, int] = {}
        self._recovered: set[int] = set()
        self._writing: asyncio.Task[None] | None = None

    @property
    def open(self) -> Collection[int]:
        """The addresses whose places are not even handed to the database yet."""
        return self._places.keys()

    def moved(self, lane_id: int, place: int) -> None:
        """Note that an address has come so far."""
        self._places[lane_id] = place
        self._write()

    def recovered(self, lane_id: int) -> None:
        """Note that an address answers again."""
        self._recovered.add(lane_id)
        self._write()

    def refused(self, lane_id: int) -> None:
        """Note that an address does not answer after all."""
        self._recovered.discard(lane_id)

    async def written(self) -> None:
        """Wait until everything is noted."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def close(self) -> None:
        """Note what there is, and stop."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        if self._places or self._recovered:
            try:
                await self._commit()
            except SallyportError as error:
                log.warning("receipts.lost", error=str(error))

    def _write(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while self._places or self._recovered:
            try:
                await self._commit()
            except SallyportError as error:
                log.warning("receipts.stalled", error=str(error))
                await self._clock.sleep(_AGAIN_SECONDS)
            except Exception:
                # Whatever it is, what was delivered is still to be noted.
                log.exception("receipts.broken")
                await self._clock.sleep(_AGAIN_SECONDS)

    async def _commit(self) -> None:
        places, recovered = self._places, self._recovered
        self._places, self._recovered = {}, set()

        def store(connection: Connection) -> None:
            # In the order of their numbers, so that two processes never wait for each other.
            lanes.moved(connection, sorted(places.items()))
            if recovered:
                lanes.recovered(connection, recovered)

        try:
            await self._database.write(store)
        except BaseException:
            self._places = {**places, **self._places}
            self._recovered |= recovered
            raise
