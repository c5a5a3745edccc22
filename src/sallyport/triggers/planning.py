"""What a save, an enablement, a disablement or a deletion means for the triggers of a workflow: the rows to be written.

The rule: planned from what is stored, inside the transaction that stores it, so that no look can come between.

Deviation: an occurrence that was missed by less than a minute, as by a restart, is not left out but late.
"""

from __future__ import annotations

import hashlib
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from sallyport.engine.run import Surroundings
from sallyport.engine.start import concurrency, run_name
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import SallyportError
from sallyport.statuses import Status
from sallyport.store import batches, documents, runs, schema, trigger_histories, trigger_states
from sallyport.store.trigger_histories import TriggerHistory
from sallyport.store.trigger_states import TriggerState
from sallyport.triggers import decision
from sallyport.triggers.context import TriggerContext, TriggerUrl
from sallyport.triggers.trigger_type import Change, Plan, TriggerType, remembered
from sallyport.wdl.definition import Trigger

#: What is later than this was missed; a restart that is quicker misses nothing.
_GRACE = timedelta(minutes=1)

#: So much later than its rhythm says a trigger may be told to look.
_LONGEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans the triggers of the workflows of one process."""

    around: Surroundings
    types: Mapping[str, TriggerType]
    url: TriggerUrl

    def synchronise(self, connection: Connection, workflow_id: str, workflow: DeployedWorkflow | None) -> None:
        """Make the rows of a workflow's triggers what its current version asks for; None when it is gone."""
        before = trigger_states.of_workflow(connection, workflow_id, held=True)
        wanted = self._looking(workflow) if workflow is not None else {}
        for name, state in list(before.items()):
            if state.memory.get("last") or (name in wanted and state.memory.get("type") == wanted[name].type):
                continue
            self._remove(connection, before.pop(name))
        for name, trigger in wanted.items():
            assert workflow is not None
            self._put(connection, workflow, trigger, before.get(name))
        if workflow is not None:
            self._make_room(connection, workflow)

    def reset(self, connection: Connection, workflow: DeployedWorkflow, trigger: Trigger) -> None:
        """Let a trigger forget everything and begin as after its first save."""
        before = trigger_states.of_workflow(connection, workflow.id, held=True).get(trigger.name)
        if before is not None:
            memory: dict[str, Any] = {
                key: before.memory[key] for key in ("subscription", "type") if key in before.memory
            }
            self._put(connection, workflow, trigger, replace(before, digest="", memory=memory))

    def plan(self, ctx: TriggerContext, change: Change) -> Plan:
        """Answer when a trigger looks next; one whose definition cannot be followed never does, and remembers why."""
        trigger_type = self.types[ctx.trigger.type]
        assert trigger_type.begin is not None
        named = {"type": ctx.trigger.type}
        try:
            plan = trigger_type.begin(ctx, ctx.memory, change)
        except SallyportError as error:
            return Plan(None, {**ctx.memory, **named, "error": decision.told(error.code, error.message)})
        return replace(plan, memory={**{k: v for k, v in plan.memory.items() if k != "error"}, **named})

    def context(
        self, workflow: DeployedWorkflow, trigger: Trigger, state: TriggerState, *, asked: bool = False
    ) -> TriggerContext:
        """Answer what a trigger is given when it looks."""
        return TriggerContext(self.around, workflow, trigger, state, self.url, asked=asked)

    def _looking(self, workflow: DeployedWorkflow) -> dict[str, Trigger]:
        """Answer the triggers that look by themselves."""
        triggers = workflow.definition.triggers
        return {name: each for name, each in triggers.items() if each.type in self.types and self._looks(each)}

    def _looks(self, trigger: Trigger) -> bool:
        return self.types[trigger.type].begin is not None

    def _put(
        self, connection: Connection, workflow: DeployedWorkflow, trigger: Trigger, before: TriggerState | None
    ) -> None:
        now = self.around.clock.now()
        state, change = self._state(workflow, trigger, before, now)
        if workflow.state != "Enabled":
            plan = self._disabled(trigger, state, now)
        elif change is Change.RESUMED and before is not None and before.next_at is not None:
            # It goes on as it was: the process was started again.
            plan = Plan(self._still(workflow, trigger, before, now), dict(before.memory))
        else:
            plan = self.plan(self.context(workflow, trigger, state), change)
        next_at = schema.instant(plan.next_at) if plan.next_at is not None else None
        planned = replace(state, next_at=next_at, memory=remembered(connection, plan))
        if before is None or _differ(planned, before):
            trigger_states.put(connection, planned)
            self._tell(connection, planned, now)

    def _state(
        self, workflow: DeployedWorkflow, trigger: Trigger, before: TriggerState | None, now: datetime
    ) -> tuple[TriggerState, Change]:
        digest = _digest(trigger.raw)
        fresh = TriggerState(workflow.id, trigger.name, workflow.version, digest, schema.instant(now))
        if before is None:
            return fresh, Change.NEW
        kept = replace(fresh, memory=before.memory, sequence=before.sequence, epoch=before.epoch)
        if before.digest != digest:
            return kept, Change.NEW
        if before.version != workflow.version:
            return kept, Change.SAVED
        # Nothing was saved in the future: the clock was set back since.
        return replace(kept, saved_at=min(before.saved_at, fresh.saved_at)), Change.RESUMED

    def _still(
        self, workflow: DeployedWorkflow, trigger: Trigger, before: TriggerState, now: datetime
    ) -> datetime | None:
        """Answer when a trigger looks that was waiting: later than it was due, if it leaves out what it missed.

        One that is due later than it could ever be told to is due as its rhythm says: the clock was set back.
        """
        assert before.next_at is not None
        due = schema.moment(before.next_at)
        skips = self.types[trigger.type].skips_missed
        late = skips and due < now - _GRACE and before.owner is None
        if not (skips or due > now + _LONGEST):
            return due
        saved_at = min(before.saved_at, schema.instant(now))
        planned = self.plan(self.context(workflow, trigger, replace(before, saved_at=saved_at)), Change.RESUMED).next_at
        return planned if late or planned is None else min(due, planned)

    def _disabled(self, trigger: Trigger, state: TriggerState, now: datetime) -> Plan:
        memory: dict[str, Any] = {**state.memory, "type": trigger.type}
        if not self.types[trigger.type].subscribes:
            return Plan(None, memory)
        memory["wanted"] = False
        return Plan(now if "subscription" in memory else None, memory)

    def _make_room(self, connection: Connection, workflow: DeployedWorkflow) -> None:
        """Let runs go on that waited for room which there is by now; where no limit is left, nobody else would.

        Deviation: trigger concurrency can be turned off again, and all runs that waited go on; Azure refuses the save.
        """
        now = schema.instant(self.around.clock.now())
        for name in runs.waiting_triggers(connection, workflow.id):
            limit = concurrency(workflow, name)
            runs.promote_waiting(connection, workflow.id, name, limit.runs if limit is not None else sys.maxsize, now)

    def _tell(self, connection: Connection, planned: TriggerState, now: datetime) -> None:
        """Write into the trigger's history why it cannot follow its definition."""
        error = planned.memory.get("error")
        if error is not None:
            at, name = schema.instant(now), run_name(self.around.clock)
            told = (name, planned.workflow_id, planned.trigger_name, at, at, None, Status.FAILED.value)
            trigger_histories.insert(connection, TriggerHistory(*told, code=error["code"], error=error))

    def _remove(self, connection: Connection, state: TriggerState) -> None:
        """Forget a trigger; what it subscribed is given up by a last look, under a name of its own."""
        trigger_states.delete(connection, state.workflow_id, state.trigger_name)
        batches.delete(connection, state.workflow_id, state.trigger_name)
        if "subscription" in state.memory:
            memory = {"last": True, "subscription": state.memory["subscription"]}
            now = schema.instant(self.around.clock.now())
            trigger_states.put(connection, replace(state, trigger_name=f"-{uuid.uuid4()}", next_at=now, memory=memory))


def _differ(planned: TriggerState, before: TriggerState) -> bool:
    facts = ("version", "digest", "saved_at", "next_at", "memory")
    return any(getattr(planned, name) != getattr(before, name) for name in facts)


def _digest(raw: Mapping[str, Any]) -> str:
    return hashlib.sha256(documents.dumps(dict(raw))).hexdigest()
