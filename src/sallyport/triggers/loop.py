"""Keeps the triggers of one process going: takes those that are due, lets them look, and stores what they found.

The rule: the runs that a look starts, what the trigger remembers, when it looks next and its history entry are one
transaction. A crash before it is as if nobody had looked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog

from sallyport.clock import Alarm
from sallyport.engine import start
from sallyport.engine.engine import Engine
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import NotFound, SallyportError
from sallyport.statuses import Status
from sallyport.store import runs, schema, trigger_states
from sallyport.store.trigger_states import ClaimLost, TriggerState
from sallyport.triggers import TRIGGERS, decision, settling, subscribing
from sallyport.triggers.context import TriggerContext, TriggerUrl
from sallyport.triggers.firing import Firing
from sallyport.triggers.planning import Planner
from sallyport.triggers.request import TriggerNotFound, WorkflowDisabled
from sallyport.triggers.split import InvalidSplitOn
from sallyport.triggers.trigger_type import Change, Look, TriggerType
from sallyport.wdl.definition import Trigger

log = structlog.get_logger(__name__)

#: How often the database is asked even when nobody said that something is due.
_LONGEST_SLEEP_SECONDS = 30.0
#: How long to rest after the database could not be reached.
_REST_SECONDS = 2.0
#: After so long somebody else may take what a look has not finished.
_CLAIM = timedelta(minutes=10)
#: How many triggers look at a time: most of them only wait for a peer, and those that do not answer must leave room.
_AT_ONCE = 200
#: By less than this a clock is corrected while it goes.
_SET_BACK = timedelta(seconds=10)
#: The shortest time until a look that failed, or found no room, is made again.
_AGAIN = timedelta(seconds=10)


class Loop:
    """The triggers of one process."""

    def __init__(
        self, engine: Engine, url: TriggerUrl, *, types: Mapping[str, TriggerType] = TRIGGERS, at_once: int = _AT_ONCE
    ) -> None:
        self._engine = engine
        self._types = types
        self._planner = Planner(engine.around, types, url)
        self._at_once = at_once
        self._looking: set[asyncio.Task[None]] = set()
        self._claiming = False
        self._woken = Alarm(engine.clock)
        self._loop: asyncio.Task[None] | None = None
        #: The latest moment at which the triggers were planned or looked after.
        self._seen_at = engine.clock.now()

    async def open(self) -> None:
        """Plan every trigger anew, take back what was looked for before a restart, and begin to look."""
        await self._plan_all()
        await self._engine.database.write(trigger_states.release_all)
        self._loop = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Stop looking; what is not committed is looked for again after the next start."""
        tasks = [*self._looking, *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def busy(self) -> bool:
        """Whether a trigger looks just now, or is being taken for it."""
        return self._claiming or bool(self._looking)

    # --- what others ask for -----------------------------------------------------------------------------------------

    async def synchronise(self, workflow: DeployedWorkflow) -> None:
        """Follow a workflow that was saved, enabled, disabled, given another key, or deleted.

        Subscriptions are made and given up before this answers; one that fails is told by the trigger's history.
        """
        try:
            current = await self._engine.library.current(workflow.id)
        except NotFound:
            current = None
        await self._plan(workflow.id, current)
        self._engine.wake()
        states = await self._engine.database.read(
            lambda connection: trigger_states.of_workflow(connection, workflow.id)
        )
        for state in states.values():
            if self._concerns_subscription(state):
                await self._ask(state.workflow_id, state.trigger_name)
        self._woken.ring()

    async def reset(self, workflow: DeployedWorkflow, trigger_name: str) -> None:
        """Let a trigger forget what it has seen, and begin as after its first save.

        Raises TriggerNotFound.
        """
        trigger = _named(workflow, trigger_name)
        await self._engine.database.write(lambda connection: self._planner.reset(connection, workflow, trigger))
        self._woken.ring()

    async def fire_now(self, workflow: DeployedWorkflow, trigger_name: str, body: Any = None) -> list[str]:
        """Let a trigger look, or fire with a body, now; answers the names of the runs that were started.

        A trigger that is called by others fires; one that polls polls, and may find nothing. Raises TriggerNotFound,
        WorkflowDisabled, TooManyRequests, InvalidSplitOn.
        """
        trigger = _named(workflow, trigger_name)
        if workflow.state != "Enabled":
            raise WorkflowDisabled(f"The workflow '{workflow.name}' is disabled.")
        trigger_type = self._types.get(trigger.type)
        if body is not None or trigger_type is None or trigger_type.called:
            return await self._fire(workflow, trigger, body)
        return await self._ask(workflow.id, trigger.name)

    async def _plan_all(self) -> None:
        self._seen_at = self._engine.clock.now()
        deployed = {each.id: each for each in await self._engine.library.listed()}
        known = await self._engine.database.read(trigger_states.workflow_ids)
        await asyncio.gather(*(self._plan_again(each, deployed.get(each)) for each in {*deployed, *known}))
        self._engine.wake()

    async def _plan_again(self, workflow_id: str, workflow: DeployedWorkflow | None) -> None:
        try:
            await self._plan(workflow_id, workflow)
        except SallyportError:
            raise
        except Exception:
            # One workflow whose triggers nobody can follow keeps no server from starting.
            log.exception("trigger.not_planned", workflow_id=workflow_id)

    async def _plan(self, workflow_id: str, workflow: DeployedWorkflow | None) -> None:
        await self._engine.database.write(
            lambda connection: self._planner.synchronise(connection, workflow_id, workflow)
        )

    async def _fire(self, workflow: DeployedWorkflow, trigger: Trigger, body: Any) -> list[str]:
        outputs = {"headers": {}} if body is None else {"headers": {}, "body": body}
        fired = {"name": trigger.name, "outputs": outputs, "code": "OK", "status": Status.SUCCEEDED.value}
        happened = Firing(workflow, trigger, fired)
        decided = decision.decide(happened, self._engine)
        if decided.status is Status.FAILED:
            raise InvalidSplitOn((decided.error or {}).get("message", ""))
        return await settling.start(self._engine, happened, decided)

    async def _ask(self, workflow_id: str, trigger_name: str) -> list[str]:
        owner, until = self._engine.dispatch.owner, self._until()
        claimed = await self._engine.database.write(
            lambda connection: trigger_states.claim_one(connection, workflow_id, trigger_name, owner, until)
        )
        return await self._take(claimed, asked=True) if claimed is not None else []

    # --- the loop ----------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            try:
                await self._follow_clock()
                await self._claim()
                pause = await self._pause()
            except SallyportError as error:
                log.warning("triggers.stalled", error=str(error))
                pause = _REST_SECONDS
            except Exception:
                # Whatever it is, the triggers of everybody else must go on.
                log.exception("triggers.broken")
                pause = _REST_SECONDS
            await self._woken.rest(pause)

    async def _follow_clock(self) -> None:
        """Plan anew when the clock was set back: what was due soon may have become due in a year."""
        now = self._engine.clock.now()
        if now < self._seen_at - _SET_BACK:
            log.warning("triggers.clock_set_back", seconds=int((self._seen_at - now).total_seconds()))
            await self._plan_all()
        self._seen_at = now

    async def _claim(self) -> None:
        free = self._at_once - len(self._looking)
        if free <= 0:
            return
        now, owner, until = schema.instant(self._engine.clock.now()), self._engine.dispatch.owner, self._until()
        self._claiming = True
        try:
            claimed = await self._engine.database.write(
                lambda connection: trigger_states.claim(connection, owner, now, until, free)
            )
            for state in claimed:
                task = asyncio.create_task(self._work_on(state))
                self._looking.add(task)
                task.add_done_callback(self._looked)
        finally:
            self._claiming = False

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._looking.discard(task)
        self._woken.ring()

    async def _pause(self) -> float:
        due = await self._engine.database.read(trigger_states.next_due)
        if due is None or len(self._looking) >= self._at_once:
            return _LONGEST_SLEEP_SECONDS
        seconds = (schema.moment(due) - self._engine.clock.now()).total_seconds()
        return min(max(seconds, 0.0), _LONGEST_SLEEP_SECONDS)

    async def _work_on(self, claimed: TriggerState) -> None:
        try:
            await self._take(claimed)
        except ClaimLost:
            log.info("trigger.overtaken", workflow_id=claimed.workflow_id, trigger=claimed.trigger_name)
        except Exception:
            log.exception("trigger.not_stored", workflow_id=claimed.workflow_id, trigger=claimed.trigger_name)
            await self._give_back(claimed)

    async def _give_back(self, claimed: TriggerState) -> None:
        while True:
            await self._engine.clock.sleep(_REST_SECONDS)
            try:
                await self._engine.database.write(lambda connection: trigger_states.release(connection, claimed))
                return
            except SallyportError as error:
                log.warning("triggers.stalled", error=str(error))

    # --- one look ----------------------------------------------------------------------------------------------------

    async def _take(self, claimed: TriggerState, *, asked: bool = False) -> list[str]:
        """Let a trigger look and store what it found; answers the names of the runs that were started.

        Raises ClaimLost, and what keeps the database from storing.
        """
        if "subscription" in claimed.memory:
            await subscribing.give_up(self._engine.around, claimed.memory["subscription"])
        if claimed.memory.get("last"):
            await self._engine.database.write(lambda connection: trigger_states.remove(connection, claimed))
            return []
        workflow = await self._engine.library.at_version(claimed.workflow_id, claimed.version)
        trigger = workflow.definition.triggers[claimed.trigger_name]
        ctx = self._planner.context(workflow, trigger, claimed, asked=asked)
        look = await self._look(ctx)
        return await settling.settle(self._engine, ctx, self._decided(ctx, look))

    async def _look(self, ctx: TriggerContext) -> Look:
        trigger_type = self._types[ctx.trigger.type]
        assert trigger_type.handler is not None
        began = ctx.now()
        if trigger_type.waits_for_room and not await self._has_room(ctx):
            message = "No more runs of this trigger may wait."
            return self._later(ctx, Status.SKIPPED, "TriggerConcurrencyLimitReached", message)
        try:
            return await trigger_type.handler(ctx)
        except SallyportError as error:
            return self._later(ctx, Status.FAILED, error.code, error.message)
        except Exception:
            log.exception("trigger.broken", workflow_id=ctx.workflow.id, trigger=ctx.trigger.name, began=began)
            return self._later(ctx, Status.FAILED, "InternalServerError", "An internal error occurred.")

    async def _has_room(self, ctx: TriggerContext) -> bool:
        limit = start.concurrency(ctx.workflow, ctx.trigger.name)
        if limit is None:
            return True
        named, waiting = (ctx.workflow.id, ctx.trigger.name), Status.WAITING.value
        found = await self._engine.database.read(lambda connection: runs.count(connection, *named, waiting))
        return found < limit.waiting

    def _later(self, ctx: TriggerContext, status: Status, code: str, message: str) -> Look:
        """Answer a look that came to nothing, and when to look again: what was known stays known."""
        plan = self._planner.plan(ctx, Change.RESUMED)
        next_at = plan.next_at
        if self._types[ctx.trigger.type].subscribes:
            next_at = None
        elif next_at is not None:
            next_at = max(next_at, ctx.now() + _AGAIN)
        memory = {name: value for name, value in plan.memory.items() if name != "subscription"}
        told = decision.told(code, message)
        return Look(next_at, memory, status, code, told, scheduled_at=ctx.scheduled_at, waits=plan.waits)

    def _decided(self, ctx: TriggerContext, look: Look) -> settling.Settled:
        return settling.decided(self._engine, ctx, look, lambda code, text: self._later(ctx, Status.FAILED, code, text))

    def _concerns_subscription(self, state: TriggerState) -> bool:
        if state.next_at is None or state.next_at > schema.instant(self._engine.clock.now()):
            return False
        known = self._types.get(str(state.memory.get("type")))
        return bool(state.memory.get("last")) or (known is not None and known.subscribes)

    def _until(self) -> str:
        return schema.instant(self._engine.clock.now() + _CLAIM)


def _named(workflow: DeployedWorkflow, name: str) -> Trigger:
    folded = name.casefold()
    found = next((each for key, each in workflow.definition.triggers.items() if key.casefold() == folded), None)
    if found is None:
        raise TriggerNotFound(f"The workflow '{workflow.name}' has no trigger '{name}'.")
    return found
