"""The journal: gathers what many runs want committed, so that they share a transaction.

The rule: a future that `append` answered is done only after the commit, and commits happen in the order of appending.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sallyport.clock import Clock
from sallyport.engine.interruptions import JournalFailed, Superseded
from sallyport.store import history, schema
from sallyport.store.database import Database

#: How many batches share a transaction at the most: enough to pay for the flush, and the first still waits little.
_GATHERED = 128


class Journal:
    """One for each process."""

    def __init__(self, database: Database, clock: Clock, after_commit: Callable[[], None] | None = None) -> None:
        self._database = database
        self._clock = clock
        self._waiting: list[tuple[history.Batch, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        #: Told of every commit; tests crash here.
        self._after_commit = after_commit

    def append(self, batch: history.Batch) -> asyncio.Future[None]:
        """Hand over a batch; the future is done when it is committed, or fails with an Interruption."""
        loop = asyncio.get_running_loop()
        committed: asyncio.Future[None] = loop.create_future()
        self._waiting.append((batch, committed))
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        return committed

    async def _write(self) -> None:
        try:
            while self._waiting:
                taken, self._waiting = self._waiting[:_GATHERED], self._waiting[_GATHERED:]
                await self._commit(taken)
        finally:
            self._writing = None

    async def _commit(self, taken: list[tuple[history.Batch, asyncio.Future[None]]]) -> None:
        batches = [batch for batch, _ in taken]
        now = schema.instant(self._clock.now())
        try:
            stale = await self._database.write(lambda connection: history.append(connection, batches, now))
        except Exception as error:  # noqa: BLE001 - each run hears that its batch was not committed, and why
            for _, committed in taken:
                if not committed.done():
                    failure = JournalFailed(str(error))
                    failure.__cause__ = error
                    committed.set_exception(failure)
            return
        if self._after_commit is not None:
            self._after_commit()
        for batch, committed in taken:
            if committed.done():
                continue
            if batch.run_id in stale:
                committed.set_exception(Superseded(batch.run_id))
            else:
                committed.set_result(None)
