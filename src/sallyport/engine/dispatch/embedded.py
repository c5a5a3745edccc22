"""Works on runs inside this process, with the database as the only memory between restarts.

The rule: a run is in `active` from its claim until its end is committed or it is put away; nobody else works on it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy.engine import Connection

from sallyport.clock import Alarm, Clock
from sallyport.engine import abandoned, branch, execute, resume, start
from sallyport.engine.library import Library
from sallyport.engine.outcome import EndsRun
from sallyport.engine.records import Key
from sallyport.engine.run import Answer, Run, Surroundings
from sallyport.errors import NotFound, ReadTimedOut, SallyportError, StorageUnavailable
from sallyport.statuses import TERMINAL
from sallyport.store import history, runs, schema
from sallyport.store.database import Database

log = structlog.get_logger(__name__)

#: How often the database is asked even when nobody said that something is due.
_LONGEST_SLEEP_SECONDS = 30.0
#: How many runs are claimed at a time.
_CLAIMED = 50
#: How long a run rests whose journal could not be written.
_REST_SECONDS = 2.0
#: How long a run rests that cannot be read, such as one whose secrets were sealed with another key.
_LONG_REST = timedelta(minutes=5)


class Embedded:
    """The dispatcher of one process."""

    def __init__(self, database: Database, clock: Clock, around: Surroundings, library: Library, owner: str) -> None:
        self._database = database
        self._clock = clock
        self._around = around
        self._library = library
        self.owner = owner
        self.capacity = 500
        self.active: dict[str, Run] = {}
        #: Callers who wait for the answer of a run, whether it is in memory or put away.
        self._callers: dict[str, asyncio.Future[Answer | None]] = {}
        #: Callers who gave up waiting, of runs that have not ended.
        self._left: dict[str, asyncio.Future[Answer | None]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        #: Also those of runs that are let go of.
        self._all_tasks: set[asyncio.Task[None]] = set()
        #: Claimed, and not in memory yet.
        self._claimed: deque[runs.Run] = deque()
        #: How many active runs do nothing but wait for another run, which needs a place too.
        self._lent = 0
        self._woken = Alarm(clock)
        self._loop: asyncio.Task[None] | None = None
        self._news: dict[str, asyncio.Event] = {}
        # Bound once: it speaks of every run.
        self._log = log.bind()
        #: Told of every run that ended, by the run and its status.
        self.on_end: Callable[[Run, str], None] | None = None

    async def open(self) -> None:
        """Take back what a process of before a restart had, and begin to work."""
        now = schema.instant(self._clock.now())
        released = await self._database.write(lambda connection: runs.release_all(connection, now))
        if released:
            log.info("runs.recovered", count=released)
        self._loop = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Stop working; what is not committed is done again after the next start."""
        # A run whose task is cancelled is not active any more.
        waited_for = [future for run in self.active.values() for future in (run.ledger.stored, run.caller)]
        waited_for += self._callers.values()
        tasks = [*self._all_tasks, *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        stopped = StorageUnavailable("The server stops: what was asked for may not have been stored.")
        _refuse(waited_for, stopped)
        self._tasks.clear()
        self.active.clear()

    def begin(self, run: Run) -> None:
        """Work on a run that was not stored yet; its first commit stores it."""
        if run.caller is not None:
            self.await_answer(run.id, run.caller)
        self._live(run)
        run.ledger.flush_soon()

    def await_answer(self, run_id: str, caller: asyncio.Future[Answer | None]) -> None:
        """Remember who waits for the answer of a run, until there is one."""
        self._callers[run_id] = caller
        caller.add_done_callback(lambda done: self._heard(run_id, done))

    def forget_caller(self, run_id: str) -> None:
        """Forget whoever waits for the answer of a run that was not stored, or is let go of."""
        self._callers.pop(run_id, None)
        self._left.pop(run_id, None)

    def _heard(self, run_id: str, done: asyncio.Future[Answer | None]) -> None:
        known = self._callers.pop(run_id, None)
        if known is not None and (done.cancelled() or done.exception() is not None):
            # Not the future itself: its failure would hold on to everything that waited for it.
            self._left[run_id] = gone = asyncio.get_running_loop().create_future()
            gone.cancel()

    def wake(self) -> None:
        """Say that a run wants attention."""
        self._woken.ring()

    def deliver(self, run_id: str, key: Key, request: dict[str, Any]) -> None:
        """Hand a committed callback to its run, in memory or not."""
        run = self.active.get(run_id)
        if run is not None:
            run.waits.deliver(key, request)
        self._woken.ring()

    async def end(self, run_id: str, ending: EndsRun) -> bool:
        """End a run, wherever it stands; answers after the commit, False when it had ended before.

        Raises RunNotFound.
        """
        run = self.active.get(run_id)
        if run is not None:
            task = self._tasks[run_id]
            if not run.leaving:
                run.ending = ending
                task.cancel()
            await asyncio.wait((task,))
            if run.ending is not None and await self._has_ended(run_id):
                return True
        row = await self._database.write(lambda connection: runs.claim_one(connection, run_id, self.owner))
        if row is None:
            await self._database.read(lambda connection: runs.get(connection, run_id))
            return False
        return await self._end_claimed(row, ending)

    async def _end_claimed(self, row: runs.Run, ending: EndsRun) -> bool:
        try:
            claimed = await self._load(row)
        except (StorageUnavailable, ReadTimedOut):
            now = schema.instant(self._clock.now())
            release = partial(runs.release, run_id=row.id, epoch=row.epoch, wake_at=now)
            self.keep(asyncio.create_task(self._write_in_the_end(release)))
            raise
        except Exception as error:
            # What it did cannot be read, and nobody can go on with it; that it has ended can be said all the same.
            log.exception("run.unreadable", run_id=row.id, error=str(error))
            told, now = {"code": ending.code, "message": ending.message}, schema.instant(self._clock.now())
            leaving = start.leaving(row, None)

            def work(connection: Connection) -> None:
                runs.end(connection, row.id, row.epoch, ending.status, told, now)
                history.make_room(connection, [leaving], now)

            await self._database.write(work)
            self._tell_ended(row.id)
            self._woken.ring()
            return True
        result = await execute.end(claimed, ending)
        await self._after(claimed, result)
        return isinstance(result, execute.Ended)

    @contextlib.contextmanager
    def lends_place(self) -> Iterator[None]:
        """Let another run have the place of one that does nothing but wait for a run: else both might wait for ever."""
        self._lent += 1
        self._woken.ring()
        try:
            yield
        finally:
            self._lent -= 1

    async def _has_ended(self, run_id: str) -> bool:
        row = await self._database.read(lambda connection: runs.get(connection, run_id))
        return row.status not in runs.LIVE

    async def ended(self, run_id: str) -> None:
        """Wait until a run has ended, whoever works on it."""
        while True:
            event = self.news(run_id)
            if await self._has_ended(run_id):
                self.tell(run_id)
                return
            await event.wait()

    def news(self, run_id: str) -> asyncio.Event:
        """Answer what is set when a run has ended, or has come to a response."""
        return self._news.setdefault(run_id, asyncio.Event())

    async def _work(self) -> None:
        while True:
            try:
                await self._claim()
                pause = await self._pause()
            except SallyportError as error:
                log.warning("dispatch.stalled", error=str(error))
                pause = _REST_SECONDS
            except Exception:
                # Whatever it is, the runs of everybody else must go on.
                log.exception("dispatch.broken")
                pause = _REST_SECONDS
            await self._woken.rest(pause)

    async def _claim(self) -> None:
        more = True
        while True:
            # What could not be read into memory the last time is claimed already.
            while self._claimed:
                await self._take(self._claimed[0])
                self._claimed.popleft()
            limit = min(self.capacity + self._lent - len(self.active), _CLAIMED)
            if not more or limit <= 0:
                return
            now = schema.instant(self._clock.now())
            claimed = await self._database.write(lambda c, n=now, k=limit: runs.claim(c, self.owner, n, k))  # type: ignore[misc]
            self._claimed.extend(claimed)
            more = len(claimed) == limit

    async def _take(self, row: runs.Run) -> None:
        """Work on a claimed run; one whose workflow is gone can only fail, or rest when it has ended."""
        try:
            run = await self._load(row)
            if row.status in TERMINAL:
                self.keep(asyncio.create_task(self._clear_up(run)))
            else:
                self._live(run)
        except NotFound as error:
            log.warning("run.orphaned", run_id=row.id, error=str(error))
            now = schema.instant(self._clock.now())
            failure = {"code": error.code, "message": error.message}
            await self._database.write(lambda connection: runs.fail(connection, row.id, row.epoch, failure, now))
            self._tell_ended(row.id)
        except StorageUnavailable:
            raise
        except Exception as error:
            # One run that cannot be read keeps nobody else from working.
            log.exception("run.unreadable", run_id=row.id, error=str(error))
            later = schema.instant(self._clock.now() + _LONG_REST)
            await self._database.write(lambda connection: runs.release(connection, row.id, row.epoch, later))

    async def _load(self, row: runs.Run) -> Run:
        workflow = await self._library.at_version(row.workflow_id, row.version)
        stored = await self._database.read(lambda connection: resume.read(connection, row))
        run = resume.build(self._around, workflow, stored)
        run.caller = self._callers.get(row.id) or self._left.get(row.id)
        return run

    async def _pause(self) -> float:
        due = await self._database.read(runs.next_wake_at)
        if due is None:
            return _LONGEST_SLEEP_SECONDS
        seconds = (schema.moment(due) - self._clock.now()).total_seconds()
        full = len(self.active) >= self.capacity + self._lent
        return min(max(seconds, 1.0 if full else 0.0), _LONGEST_SLEEP_SECONDS)

    def _live(self, run: Run) -> None:
        if not run.records:
            run.around.recorder.count("runs_started_total")
        self.active[run.id] = run
        run.on_response = self.tell
        self._tasks[run.id] = self.keep(asyncio.create_task(self._execute(run)))

    def keep(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        """Keep a task until it is done, or this dispatcher is closed."""
        self._all_tasks.add(task)
        task.add_done_callback(self._all_tasks.discard)
        return task

    async def _execute(self, run: Run) -> None:
        structlog.contextvars.bind_contextvars(run_id=run.id)
        owes = False
        try:
            result = await execute.execute(run)
            owes = isinstance(result, execute.Ended) and result.owes
        finally:
            if not owes:
                abandoned.drop(run)
            # A run that was put away may be claimed again before this process has heard of its own commit.
            if self.active.get(run.id) is run:
                del self.active[run.id], self._tasks[run.id]
        await self._after(run, result)

    async def _after(self, run: Run, result: execute.Result) -> None:
        """Tell whoever awaits the run, and make room for what waited behind it."""
        if isinstance(result, execute.GivenUp):
            await self._given_up(run, result.error)
            return
        if isinstance(result, execute.PutAway):
            self._woken.ring()
            return
        if run.caller is not None and not run.caller.done():
            run.caller.set_result(None)
        self._log.debug("run.ended", run_id=run.id, workflow=run.workflow.name, status=result.status.value)
        self._tell_ended(run.id)
        if result.owes:
            self.keep(asyncio.create_task(self._clear_up(run)))
        if self.on_end is not None:
            self.on_end(run, result.status.value)
        if result.made_room:
            self._woken.ring()

    def _tell_ended(self, run_id: str) -> None:
        self._left.pop(run_id, None)
        self.tell(run_id)

    def tell(self, run_id: str) -> None:
        """Let whoever waits for news of a run look again."""
        event = self._news.pop(run_id, None)
        if event is not None:
            event.set()

    async def _given_up(self, run: Run, error: BaseException | None) -> None:
        failure = error if isinstance(error, SallyportError) else StorageUnavailable("The run could not be stored.")
        self.forget_caller(run.id)
        _refuse((run.ledger.stored, run.caller), failure)
        if error is None:
            return
        await self._clock.sleep(_REST_SECONDS)
        now = schema.instant(self._clock.now())
        await self._write_in_the_end(lambda connection: runs.release(connection, run.id, run.row.epoch, now))
        self._woken.ring()

    async def _clear_up(self, run: Run) -> None:
        """Give up what a run that has ended asked of others; a crash before this is committed has it done again."""
        try:
            await abandoned.give_up(run, branch.BLOCKS)
        finally:
            abandoned.drop(run)
        await self._write_in_the_end(lambda connection: runs.let_go(connection, run.id, run.row.epoch))

    async def _write_in_the_end(self, work: Callable[[Connection], object]) -> None:
        while True:
            try:
                await self._database.write(work)
                return
            except SallyportError:
                await self._clock.sleep(_REST_SECONDS)


def _refuse(waited_for: Iterable[asyncio.Future[Any] | None], failure: SallyportError) -> None:
    """Tell whoever waits for a run that it is not known to be stored, or will not be answered from here."""
    for future in waited_for:
        if future is not None and not future.done():
            future.set_exception(failure)
            # Whoever started the run may be gone; the failure was logged where it happened.
            future.exception()
