"""The engine as the rest of the house sees it: start a run, report to one, end one, wait for one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from sallyport.clock import Clock
from sallyport.engine import entries, responses
from sallyport.engine import start as starting
from sallyport.engine.action_type import ActionType
from sallyport.engine.dispatch.embedded import Embedded
from sallyport.engine.journal import Journal
from sallyport.engine.library import Library, Place
from sallyport.engine.limits import Limits
from sallyport.engine.outcome import EndsRun
from sallyport.engine.ports import Ports
from sallyport.engine.records import Key
from sallyport.engine.run import Answer, Run, Surroundings
from sallyport.engine.start import Concurrency, Event, Start
from sallyport.engine.turns import Turns
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.recorder import SILENT, Recorder
from sallyport.statuses import TERMINAL, Status
from sallyport.store import callbacks, documents, history, runs, schema
from sallyport.store.database import Database

#: How many runs of a workflow are ended at a time.
_ENDED_AT_ONCE = 50

__all__ = ["Engine", "Event", "Parts", "Started"]


@dataclass(frozen=True, slots=True)
class Started:
    """A run that has begun."""

    run_id: str
    #: Done when the run is committed; fails when it could not be.
    stored: asyncio.Future[None]
    #: What the run answers its caller; None when it ends without an answer. Missing where nobody asked for one.
    answer: asyncio.Future[Answer | None] | None


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine is made of."""

    database: Database
    clock: Clock
    ports: Ports
    limits: Limits
    seal: entries.Seal
    place: Place
    action_types: Mapping[str, ActionType]
    owner: str
    callback_url: Any
    recorder: Recorder = SILENT


class Engine:
    """Runs the workflows of one process."""

    def __init__(self, parts: Parts, journal: Journal | None = None) -> None:
        self.database = parts.database
        self.clock = parts.clock
        self.journal = journal or Journal(parts.database, parts.clock)
        self.around = Surroundings(
            parts.clock,
            parts.ports,
            parts.limits,
            self.journal,
            parts.seal,
            parts.callback_url,
            Turns(parts.clock),
            parts.recorder,
        )
        settings = parts.ports.app_settings
        self.library = Library(parts.database, parts.clock, parts.place, parts.seal, parts.action_types, settings)
        self.dispatch = Embedded(parts.database, parts.clock, self.around, self.library, parts.owner)

    async def open(self) -> None:
        """Go on with what was going on before."""
        await self.dispatch.open()

    async def close(self) -> None:
        """Stop; everything goes on after the next start."""
        await self.dispatch.close()
        await self.journal.close()

    async def start(
        self, workflow: DeployedWorkflow, trigger_name: str, event: Event, *, answered: bool = False
    ) -> Started:
        """Start a run now, in this process; the caller acknowledges it after `stored`.

        Raises TooManyRequests when the trigger's waiting list is full.
        """
        limit = starting.concurrency(workflow, trigger_name)
        if limit is not None or event.event_id is not None:
            prepared = starting.prepare(self.around, workflow, trigger_name, event)
            return await self._start_stored(prepared, limit, answered=answered)
        prepared = starting.prepare(self.around, workflow, trigger_name, event, owner=self.dispatch.owner)
        begun = Run(self.around, workflow, prepared.row, prepared.trigger, unstored=prepared.bodies)
        begun.awaited = event.awaited
        if answered:
            begun.caller = asyncio.get_running_loop().create_future()
        self.dispatch.begin(begun)
        return Started(begun.id, begun.ledger.stored, begun.caller)

    def store_start(
        self,
        connection: Connection,
        workflow: DeployedWorkflow,
        trigger_name: str,
        event: Event,
        *,
        crowded: bool = False,
    ) -> str:
        """Store a run to be claimed, in a transaction of the caller's, who calls `wake` after it; answers its name.

        `crowded` lets it wait however many wait already; else TooManyRequests is raised when the waiting list is full.
        """
        prepared = starting.prepare(self.around, workflow, trigger_name, event)
        limit = starting.concurrency(workflow, trigger_name)
        if crowded and limit is not None:
            limit = Concurrency(limit.runs, sys.maxsize)
        return starting.store(connection, prepared, limit)

    def wake(self) -> None:
        """Say that a run was stored that wants attention."""
        self.dispatch.wake()

    async def report(self, run_id: str, action: str, repetition: str, request: dict[str, Any]) -> bool:
        """Keep a request that came to an action's callback address, and wake its run.

        Answers after the commit; False when there was one before, or the action or the run has ended.
        """
        if await self._has_ended(run_id, (action, repetition)):
            return False
        now = schema.instant(self.clock.now())
        received = callbacks.Callback(action, repetition, self.around.seal.close(documents.dumps(request)))
        kept = await self.database.write(lambda connection: callbacks.receive(connection, run_id, received, now))
        if kept:
            self.dispatch.deliver(run_id, (action, repetition), request)
        return kept

    async def was_reported(self, run_id: str, action: str, repetition: str) -> bool:
        """Answer whether an action that takes no report any more has had one."""
        return await self._status(run_id, (action, repetition)) in (Status.RUNNING, Status.SUCCEEDED)

    async def end(self, run_id: str, ending: EndsRun) -> bool:
        """End a run, wherever it stands; answers after the commit, False when it had ended before.

        Raises RunNotFound.
        """
        return await self.dispatch.end(run_id, ending)

    async def end_all(self, workflow_id: str, ending: EndsRun) -> None:
        """End every run of a workflow that has not ended, those first that only wait for room."""
        for status in (Status.WAITING, Status.RUNNING):
            found = await self._page(workflow_id, status, None)
            while found:
                await asyncio.gather(*(self.end(run_id, ending) for run_id in found))
                found = await self._page(workflow_id, status, found[-1])

    async def _page(self, workflow_id: str, status: Status, before: str | None) -> list[str]:
        listed = await self.database.read(
            lambda connection: runs.listed(
                connection, workflow_id, status=status.value, before=before, limit=_ENDED_AT_ONCE
            )
        )
        return [run.id for run in listed]

    async def ended(self, run_id: str) -> None:
        """Wait until a run has ended.

        Raises RunNotFound.
        """
        await self.dispatch.ended(run_id)

    async def _has_ended(self, run_id: str, key: Key) -> bool:
        """Answer whether an action has ended that was to be reported to; nobody would hear of it any more."""
        run = self.dispatch.active.get(run_id)
        if run is not None:
            record = run.records.get(key)
            # Of an iteration that is over nothing is kept in memory.
            return record is None or record.status in TERMINAL
        return await self._status(run_id, key) in TERMINAL

    async def _status(self, run_id: str, key: Key) -> str | None:
        return await self.database.read(lambda connection: history.latest_status(connection, run_id, key))

    async def _start_stored(self, prepared: Start, limit: Concurrency | None, *, answered: bool) -> Started:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer | None] | None = loop.create_future() if answered else None
        if answer is not None:
            self.dispatch.await_answer(prepared.row.id, answer)
        try:
            stored = await self.database.write(lambda connection: starting.store(connection, prepared, limit))
        except BaseException:
            if answer is not None:
                self.dispatch.forget_caller(prepared.row.id)
                answer.cancel()
            raise
        if answer is not None and stored != prepared.row.id:
            # The event started a run before: it answers whoever asks again as it answers who asked then.
            self.dispatch.forget_caller(prepared.row.id)
            waiting = self.dispatch.keep(asyncio.create_task(responses.again(self, stored, answer)))
            answer.add_done_callback(lambda _: waiting.cancel())
        self.dispatch.wake()
        done: asyncio.Future[None] = loop.create_future()
        done.set_result(None)
        return Started(stored, done, answer)
