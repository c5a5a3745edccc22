"""Who reads the alerts of large bodies: processes beside the server's, so that neither the event loop nor one processor
is all there is for it.

The rule: a process answers what can be stored; what cannot is read once more by who asked, who then has the error
itself. Whatever becomes of the processes, the alerts are read: then by the server's own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import structlog

from sallyport import clock as clocks
from sallyport import errors
from sallyport.clock import Clock
from sallyport.graph import alert_rules
from sallyport.store.arrivals import Arrival
from sallyport.web import bodies

log = structlog.stdlib.get_logger(__name__)

#: An arrival's parts, as they come from a process.
_Parts = tuple[str, tuple[Any, ...], set[int], Collection[str]]

#: More processes would read faster than one writer stores.
_MOST = 2
#: Fewer alerts than this are sooner read than sent.
_WORTH = 100
#: So many are read before everything else that is ready runs.
_AT_ONCE = 16
#: Processes that have nothing to do end after this time, in seconds.
_IDLE_SECONDS = 60.0


def read(data: bytes, tenant_id: str, now: str) -> Arrival:
    """Answer an alert that somebody brought as JSON, ready to be stored.

    Raises BadRequest when it cannot be read. `now` is a time as the service writes it.
    """
    return alert_rules.arriving(bodies.parse(data), alert_rules.new_id, tenant_id, now)


def default_processes() -> int:
    """Answer how many processes read where nobody has said it: none where there is one processor for everything."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_MOST, there) if there > 1 else 0


class AlertReaders:
    """The processes, started when there is much to read and ended when there has been nothing for a while."""

    def __init__(self, clock: Clock, processes: int = 0) -> None:
        self._clock = clock
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None
        self._starting: asyncio.Task[None] | None = None
        self._resting: asyncio.Task[None] | None = None
        self._used = 0.0

    @property
    def ahead(self) -> int:
        """Answer how many batches are worth being read at a time beside the one that is waited for."""
        return 0 if self._pool is None else self._processes

    async def read(self, batch: Sequence[bytes], tenant_id: str, now: str) -> list[Arrival | None]:
        """Answer alerts ready to be stored, in order; None for what cannot be read."""
        if self._processes and len(batch) >= _WORTH:
            self._used = self._clock.monotonic()
            if self._pool is not None:
                return await self._read_there(self._pool, batch, tenant_id, now)
            if self._starting is None:
                self._starting = asyncio.create_task(self._start())
        return await _read_here(batch, tenant_id, now)

    async def close(self) -> None:
        """End the processes."""
        for each in (self._starting, self._resting):
            if each is not None:
                each.cancel()
                await asyncio.gather(each, return_exceptions=True)
        self._let_go()

    async def _read_there(
        self, pool: ProcessPoolExecutor, batch: Sequence[bytes], tenant_id: str, now: str
    ) -> list[Arrival | None]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(pool, _parts, batch, tenant_id, now)
        except BrokenProcessPool:
            log.warning("alert_readers.ended")
            if self._pool is pool:
                self._let_go()
            return await _read_here(batch, tenant_id, now)
        return [None if each is None else Arrival(*each) for each in found]

    async def _start(self) -> None:
        """Start the processes; until they have loaded what they need, nobody waits for them."""
        pool = ProcessPoolExecutor(self._processes, multiprocessing.get_context("spawn"), _begin)
        try:
            loading = await asyncio.to_thread(lambda: [pool.submit(_loaded) for _ in range(self._processes)])
            await asyncio.gather(*map(asyncio.wrap_future, loading))
            self._pool = pool
            self._resting = asyncio.create_task(self._end_when_idle())
        except (OSError, BrokenProcessPool):
            log.warning("alert_readers.not_started", exc_info=True)
            self._processes = 0
        finally:
            self._starting = None
            if self._pool is not pool:
                pool.shutdown(wait=False)

    async def _end_when_idle(self) -> None:
        while (idle := self._clock.monotonic() - self._used) < _IDLE_SECONDS:
            await self._clock.sleep(_IDLE_SECONDS - idle)
        self._let_go()

    def _let_go(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)


async def _read_here(batch: Sequence[bytes], tenant_id: str, now: str) -> list[Arrival | None]:
    found: list[Arrival | None] = []
    for first in range(0, len(batch), _AT_ONCE):
        found += [_readable(each, tenant_id, now) for each in batch[first : first + _AT_ONCE]]
        await clocks.give_way()
    return found


def _readable(data: bytes, tenant_id: str, now: str) -> Arrival | None:
    try:
        return read(data, tenant_id, now)
    except errors.SallyportError:
        return None


def _parts(batch: Sequence[bytes], tenant_id: str, now: str) -> list[_Parts | None]:
    """Read alerts, in a process of its own; what goes between processes is plain."""
    found = (_readable(each, tenant_id, now) for each in batch)
    return [None if each is None else (each.id, each.row, each.keys, each.completed) for each in found]


def _begin() -> None:
    """Make a process one that ends with the server, and with nothing else."""
    for each in (signal.SIGINT, signal.SIGTERM):
        # They are sent to all processes of a terminal or a unit; the server says when it has enough.
        signal.signal(each, signal.SIG_IGN)
    server = multiprocessing.parent_process()
    assert server is not None

    def follow() -> None:
        server.join()
        # It was killed: nobody is there to ask for anything, or to end this.
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _loaded() -> None:
    """Answer that the process runs: to do so, it has loaded this module."""
