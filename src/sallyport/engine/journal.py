"""The journal: gathers what many runs want committed, so that they share a transaction.

The rule: a future that `append` answered is done only after the commit, and commits happen in the order of appending.
When a batch of a run fails, so does everything that the run has appended after it: a history has no holes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sallyport.clock import Clock
from sallyport.engine.interruptions import Interruption, JournalFailed, Superseded
from sallyport.errors import SallyportError
from sallyport.store import history, schema
from sallyport.store.database import Database

#: How many batches share a transaction at the most: enough to pay for the flush, and the first still waits little.
_GATHERED = 128


_Appended = tuple[history.Batch, asyncio.Future[None]]


class Journal:
    """One for each process."""

    def __init__(self, database: Database, clock: Clock, after_commit: Callable[[], None] | None = None) -> None:
        self._database = database
        self._clock = clock
        self._waiting: list[_Appended] = []
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

    async def close(self) -> None:
        """Wait until everything that was appended is committed, or has failed."""
        if self._writing is not None:
            await asyncio.wait((self._writing,))

    async def _write(self) -> None:
        try:
            while self._waiting:
                taken, self._waiting = self._waiting[:_GATHERED], self._waiting[_GATHERED:]
                await self._commit(taken)
        finally:
            self._writing = None

    async def _commit(self, taken: list[_Appended]) -> None:
        batches = [batch for batch, _ in taken]
        now = schema.instant(self._clock.now())
        try:
            stale = await self._database.write(lambda connection: history.append(connection, batches, now))
        except Exception as error:  # noqa: BLE001 - each run hears that its batch was not committed, and why
            runs = {batch.run_id for batch in batches}
            if len(runs) > 1 and not isinstance(error, SallyportError):
                await self._commit_apart(taken)
            else:
                self._refuse(taken, error)
            return
        if self._after_commit is not None:
            self._after_commit()
        for batch, committed in taken:
            if (batch.run_id, batch.epoch) in stale:
                _fail(committed, Superseded(batch.run_id))
            elif not committed.done():
                committed.set_result(None)

    async def _commit_apart(self, taken: list[_Appended]) -> None:
        """Commit each run's batches by themselves: that one run's cannot be stored is not the others' fault."""
        runs: dict[str, list[_Appended]] = {}
        for each in taken:
            runs.setdefault(each[0].run_id, []).append(each)
        for each_run in runs.values():
            await self._commit(each_run)

    def _refuse(self, taken: list[_Appended], error: Exception) -> None:
        runs = {batch.run_id for batch, _ in taken}
        behind = [each for each in self._waiting if each[0].run_id in runs]
        self._waiting = [each for each in self._waiting if each[0].run_id not in runs]
        for _, committed in (*taken, *behind):
            failure = JournalFailed(str(error))
            failure.__cause__ = error
            _fail(committed, failure)


def _fail(committed: asyncio.Future[None], failure: Interruption) -> None:
    if not committed.done():
        committed.set_exception(failure)
