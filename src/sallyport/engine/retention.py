"""Forgets runs, alerts and what belongs to them when their time is over, and makes room when the disk is full.

The rule: a little at a time, with pauses in which others write. While the reserve is given up nobody else may write, so
that what was set aside for deleting is not used up for anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from sqlalchemy import Connection

from sallyport.clock import Clock
from sallyport.recorder import SILENT, Recorder
from sallyport.rounds import Rounds
from sallyport.store import reserve, retention, schema
from sallyport.store.database import Database
from sallyport.store.reserve import Reserve

log = structlog.get_logger(__name__)

#: How long to rest after everything old is forgotten.
_REST_SECONDS = 3600.0
#: How often to look whether the disk is full.
_LOOK_SECONDS = 2.0
#: How long to let others write between two portions.
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Kept:
    """How long things are kept; None for ever."""

    history: timedelta
    alerts: timedelta | None = None
    audit: timedelta | None = None


class Retention:
    """The loop that forgets; one for each process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        kept: Kept,
        *,
        held: Reserve | None = None,
        recorder: Recorder = SILENT,
    ) -> None:
        self._database = database
        self._clock = clock
        self._kept = kept
        self._reserve = held
        self._recorder = recorder
        #: How often the database had been full when that was last dealt with.
        self._dealt_with = 0
        self._rounds = Rounds(log, "retention", self._turn, self._rest)

    async def open(self) -> None:
        """Take the reserve, and begin to forget."""
        if self._reserve is not None and not self._reserve.take():
            log.warning("storage.no_reserve")
        self._rounds.begin()

    async def close(self) -> None:
        """Stop."""
        await self._rounds.end()

    async def forget(self) -> int:
        """Forget everything that is too old; answers how many rows that were."""
        now, kept, forgotten = self._clock.now(), self._kept, 0
        before = schema.instant(now - kept.history)
        forgotten += await self._portions("history", partial(retention.purge, before=before))
        if kept.alerts is not None:
            created = schema.instant(now - kept.alerts)
            forgotten += await self._portions("alerts", partial(retention.purge_alerts, before=created))
            forgotten += await self._portions("incidents", partial(retention.purge_incidents, before=created))
        if kept.audit is not None:
            at = schema.instant(now - kept.audit)
            forgotten += await self._portions("audit", partial(retention.purge_audit, before=at))
        return forgotten

    async def _portions(self, kind: str, purge: Callable[[Connection], int]) -> int:
        forgotten = 0
        while portion := await self._database.write(purge, reserved=True):
            forgotten += portion
            self._recorder.count("retention_forgotten_total", kind, amount=portion)
            await self._clock.sleep(_PAUSE_SECONDS)
        return forgotten

    async def make_room(self, held: Reserve) -> bool:
        """Give the reserve up, forget what may be forgotten, and let others write again once the reserve is back."""
        self._dealt_with = self._database.fulls
        begins = not self._database.held_back
        if begins:
            log.error("storage.full")
        self._database.held_back = True
        held.give_up()
        # What was written last still stands in the log: the database needs the room for it first.
        await asyncio.to_thread(self._database.outside_now, reserve.shrink)
        forgotten = await self.forget()
        spare = await asyncio.to_thread(self._database.outside_now, reserve.shrink)
        if not held.take(spare):
            if begins:
                log.error("storage.waits_for_room", rows=forgotten)
            return False
        self._database.held_back = False
        log.info("storage.recovered", rows=forgotten)
        return True

    @property
    def _is_full(self) -> bool:
        return self._database.held_back or self._database.fulls != self._dealt_with

    async def _turn(self) -> None:
        if self._reserve is not None and self._is_full:
            await self.make_room(self._reserve)
        else:
            forgotten = await self.forget()
            if forgotten:
                log.info("retention.forgot", rows=forgotten)

    async def _rest(self) -> None:
        over = self._clock.monotonic() + _REST_SECONDS
        while self._clock.monotonic() < over:
            await self._clock.sleep(_LOOK_SECONDS)
            if self._reserve is not None and self._is_full:
                return
