"""What one run has recorded and not committed yet, and how that comes into the journal.

The rule: a record is written as it is when it is committed, and a batch that failed is never followed by a later one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sallyport.engine import entries
from sallyport.engine.journal import Journal
from sallyport.engine.records import Record
from sallyport.store import history, runs

#: How many bytes may wait to be committed before the run waits for them.
_HEAVY_BYTES = 4 * 1024 * 1024


class Ledger:
    """The part of a run that stands between its records and the journal."""

    def __init__(
        self,
        journal: Journal,
        row: runs.Run,
        writer: Callable[[], entries.Writer],
        *,
        unstored: Mapping[str, bytes] | None,
    ) -> None:
        """`unstored` holds the trigger's large contents of a run that is new to the database, None for any other."""
        self._journal = journal
        self._row = row
        self._writer = writer
        self._unstored = unstored
        self._noted: dict[int, Record] = {}
        self._committing: asyncio.Future[None] | None = None
        self._planned = False
        self._promises: list[Callable[[], None]] = []
        self._weight = 0
        #: The number of the next entry.
        self.sequence = 0
        #: Done when the run's row is committed.
        self.stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if unstored is None:
            self.stored.set_result(None)

    def note(self, record: Record) -> None:
        """Have a record committed with the next flush, as it then is."""
        self._noted[id(record)] = record

    def weigh(self, size: int) -> None:
        """Say how many bytes there will be to write of what is noted."""
        self._weight += size

    @property
    def is_heavy(self) -> bool:
        """Whether so much is noted that it should be committed before more is computed."""
        return self._weight > _HEAVY_BYTES

    def promise(self, kept: Callable[[], None]) -> None:
        """Have something done after the commit that holds what is noted now."""
        self._promises.append(kept)

    async def flush(self, change: dict[str, Any] | None = None, leaving: history.Leaving | None = None) -> None:
        """Commit everything that is noted, and with it a change of the run's row; then keep what was promised.

        Raises Superseded or JournalFailed, also when it was an earlier batch that failed: what comes after it must not
        be committed without it.
        """
        if self._noted or change is not None or self._unstored is not None:
            self._committing = self._append(change, leaving)
        if self._committing is not None:
            # Whoever waits here may be cancelled; the commit itself goes on, and its failure must not be missed.
            await asyncio.shield(self._committing)

    def flush_soon(self) -> None:
        """Commit what is noted, and what is noted until then, without waiting; a failure shows at the next flush."""
        if not self._planned:
            self._planned = True
            asyncio.get_running_loop().call_soon(self._flush_planned)

    def _flush_planned(self) -> None:
        self._planned = False
        if self._noted:
            self._committing = self._append(None, None)

    def _append(self, change: dict[str, Any] | None, leaving: history.Leaving | None) -> asyncio.Future[None]:
        earlier = self._committing
        if earlier is not None and earlier.done() and earlier.exception() is not None:
            return earlier
        writer = self._writer()
        segment = writer.segment(self._noted.values(), self.sequence) if self._noted else None
        self.sequence += len(self._noted)
        self._noted.clear()
        self._weight = 0
        batch = history.Batch(self._row.id, self._row.epoch, None, segment, writer.bodies, change, leaving)
        if self._unstored is not None:
            batch.start = self._row
            batch.contents.update(self._unstored)
            self._unstored = None
        committed = self._journal.append(batch)
        promises, self._promises = self._promises, []
        committed.add_done_callback(lambda done: self._committed(done, promises))
        return committed

    def _committed(self, committed: asyncio.Future[None], promises: Collection[Callable[[], None]]) -> None:
        if committed.cancelled() or committed.exception() is not None:
            return
        if not self.stored.done():
            self.stored.set_result(None)
        for keep in promises:
            keep()
