"""The Batch trigger: messages gather, by batch and partition, until there are enough of them or it is time.

The rule: the message that completes a batch is stored in the same transaction as the run that the batch starts, so that
none is lost and none is in two batches.
https://learn.microsoft.com/azure/logic-apps/logic-apps-batch-process-send-receive-messages

Deviation: the mode `IntegrationAccount` is refused; there are no integration accounts, so every batch is configured
inline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection

from sallyport.actions import inputs as read
from sallyport.engine.engine import Engine
from sallyport.engine.ports import BatchMessage
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import BadRequest, NotFound, PayloadTooLarge
from sallyport.statuses import Status
from sallyport.store import batches, documents, schema, trigger_histories
from sallyport.store.batches import Gathering, Message
from sallyport.triggers import decision, firing, recurrence_rule, schedule, settling
from sallyport.triggers.context import TriggerContext
from sallyport.triggers.firing import Firing, TriggerScope
from sallyport.triggers.recurrence_rule import Frequency, InvalidRecurrence, Recurrence
from sallyport.triggers.request import WorkflowDisabled
from sallyport.triggers.trigger_type import Change, Look, Plan, trigger
from sallyport.wdl.definition import Trigger

#: What one batch may hold: https://learn.microsoft.com/azure/logic-apps/logic-apps-limits-and-config.
MOST_MESSAGES = 8_000
MOST_BYTES = 83_886_080
_SHORTEST_SECONDS = 60
#: How many characters of a name every database has room for.
_LONGEST_NAMES = {"partition": 128, "message": 256}


class BatchTriggerMissing(NotFound):
    """Raised when a workflow has no such batch trigger, or the trigger no such batch."""

    code = "WorkflowTriggerNotFound"


class InvalidBatch(BadRequest):
    """Raised when a batch trigger's configurations cannot be used."""

    code = "InvalidBatchConfiguration"


@dataclass(frozen=True, slots=True)
class Criteria:
    """When a batch is released; the first that is met counts."""

    message_count: int | None
    batch_size: int | None
    recurrence: Recurrence | None

    def met(self, count: int, size: int) -> bool:
        """Answer whether so many messages of so many bytes are enough."""
        return (
            (self.message_count is not None and count >= self.message_count)
            or (self.batch_size is not None and size >= self.batch_size)
            or count >= MOST_MESSAGES
        )


def criteria(inputs: Any, now: datetime, pointer: str) -> dict[str, Criteria]:
    """Answer the release criteria of each batch name that evaluated inputs configure.

    Raises InvalidBatch, InvalidRecurrence, InvalidInputs.
    """
    configured = read.member(inputs, "configurations")
    if not isinstance(configured, dict) or not configured:
        raise InvalidBatch(f"The batch trigger at {pointer} has no 'configurations'; only the mode 'Inline' has them.")
    return {
        name: _criteria(read.member(each, "releaseCriteria"), now, f"{pointer}/inputs/configurations/{name}")
        for name, each in configured.items()
    }


def begin(ctx: TriggerContext, memory: Mapping[str, Any], change: Change) -> Plan:
    """Answer when the first of the batches is released because of the time."""
    return _plan(ctx, {} if change is Change.NEW else memory, ctx.now())


@trigger("Batch", begin=begin, waits_for_room=False)
async def batch(ctx: TriggerContext) -> Look:
    """Release the batches whose time has come; all of them, when somebody asks for it."""
    now = schema.instant(ctx.now())
    due = frozenset(name for name, at in ctx.memory.get("next", {}).items() if at <= now)
    plan = _plan(ctx, {"next": {n: at for n, at in ctx.memory.get("next", {}).items() if at > now}}, ctx.now())
    also = partial(_release_due, workflow=ctx.workflow, trigger=ctx.trigger, names=None if ctx.asked else due)
    return Look(plan.next_at, plan.memory, silent=True, also=also)


class Batches:
    """The batches that the workflows of an engine gather."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        # The engine is made of its ports, of which this is one: it is asked for when it exists.
        self._engine = engine

    async def send(self, message: BatchMessage) -> None:
        """Add a message, once however often it is delivered, and start the run of the batch that it completes.

        `message.workflow` is a workflow's name or its resource id. Raises WorkflowNotFound, BatchTriggerMissing,
        WorkflowDisabled, InvalidBatch, PayloadTooLarge.
        """
        engine = self._engine()
        workflow = await engine.library.named(message.workflow.rstrip("/").rsplit("/", 1)[-1])
        trigger = _batch_trigger(workflow, message.trigger)
        scope = TriggerScope(workflow, None, engine.clock, app_settings=engine.around.ports.app_settings)
        known = criteria(trigger.template("inputs").evaluate(scope), engine.clock.now(), trigger.pointer)
        name = next((each for each in known if each.casefold() == message.batch_name.casefold()), None)
        if name is None:
            listed = ", ".join(known)
            raise BatchTriggerMissing(f"'{trigger.name}' has no batch '{message.batch_name}'. Its batches: {listed}.")
        gathering = Gathering(workflow.id, trigger.name, name, message.partition)
        stored = _message(message, engine)
        work = partial(_add, engine=engine, workflow=workflow, trigger=trigger, criteria=known[name])
        if await engine.database.write(lambda connection: work(connection, gathering=gathering, message=stored)):
            engine.wake()


def release(
    connection: Connection, engine: Engine, workflow: DeployedWorkflow, trigger: Trigger, gathering: Gathering
) -> list[str]:
    """Start the run of the messages that wait together, in the caller's transaction; answers the names of runs."""
    taken = batches.oldest(connection, gathering, MOST_MESSAGES)
    if not taken:
        return []
    opened = engine.around.seal.open
    items = [{"content": documents.loads(opened(m.content)), "messageId": m.message_id} for m in taken]
    body = {"items": items, "batchName": gathering.batch_name, "partitionName": gathering.partition_name}
    fired = {"name": trigger.name, "outputs": {"body": body}, "code": "OK", "status": "Succeeded"}
    happened = Firing(workflow, trigger, fired, event_id=f"batch:{taken[0].sequence}")
    decided = decision.decide(happened, engine)
    if not decided.events:
        # Without the messages: those that wait on are sealed, and the others may be many.
        told = replace(happened, fired={**fired, "outputs": None})
        trigger_histories.insert(connection, settling.history(engine, told, decided))
    if decided.status is not Status.FAILED:
        # What cannot be followed is the author's to mend: until then the messages wait.
        batches.release(connection, gathering, taken, schema.instant(engine.clock.now()))
    return firing.store(connection, engine, happened, decided.events, crowded=True)


def _add(
    connection: Connection,
    *,
    engine: Engine,
    workflow: DeployedWorkflow,
    trigger: Trigger,
    criteria: Criteria,
    gathering: Gathering,
    message: Message,
) -> list[str]:
    if not batches.add(connection, gathering, message, schema.instant(engine.clock.now())):
        return []
    if not criteria.met(*batches.measure(connection, gathering)):
        return []
    return release(connection, engine, workflow, trigger, gathering)


def _release_due(
    connection: Connection,
    engine: Engine,
    *,
    workflow: DeployedWorkflow,
    trigger: Trigger,
    names: frozenset[str] | None,
) -> list[str]:
    started: list[str] = []
    for gathering in batches.waiting(connection, workflow.id, trigger.name):
        if names is None or gathering.batch_name in names:
            started += release(connection, engine, workflow, trigger, gathering)
    return started


def _plan(ctx: TriggerContext, memory: Mapping[str, Any], after: datetime) -> Plan:
    kept = memory.get("next", {})
    found: dict[str, str] = {}
    for name, each in criteria(ctx.evaluate(ctx.trigger.template("inputs")), ctx.now(), ctx.trigger.pointer).items():
        if each.recurrence is None:
            continue
        at = schedule.next_occurrence(each.recurrence, after, saved_at=ctx.saved_at)
        if name in kept or at is not None:
            found[name] = kept.get(name) or schema.instant(at or after)
    return Plan(schema.moment(min(found.values())) if found else None, {"next": found})


def _batch_trigger(workflow: DeployedWorkflow, name: str) -> Trigger:
    folded = name.casefold()
    found = next((each for key, each in workflow.definition.triggers.items() if key.casefold() == folded), None)
    if found is None or found.type != "Batch":
        raise BatchTriggerMissing(f"The workflow '{workflow.name}' has no batch trigger '{name}'.")
    if workflow.state != "Enabled":
        raise WorkflowDisabled(f"The workflow '{workflow.name}' is disabled.")
    return found


def _message(message: BatchMessage, engine: Engine) -> Message:
    for what, name in (("partition", message.partition), ("message", message.message_id)):
        most = _LONGEST_NAMES[what]
        if len(name) > most:
            raise InvalidBatch(f"The name of the {what} has {len(name)} characters; {most} are allowed.")
    content = documents.dumps(message.content)
    if len(content) > MOST_BYTES:
        raise PayloadTooLarge(f"The message has {len(content)} bytes; a batch may have {MOST_BYTES}.")
    delivery_id = message.delivery_id or message.message_id
    return Message(message.message_id, delivery_id, engine.around.seal.close(content), len(content))


def _criteria(stated: Any, now: datetime, pointer: str) -> Criteria:
    recurrence = None
    raw = read.member(stated, "recurrence")
    if raw is not None:
        where = f"{pointer}/releaseCriteria/recurrence"
        recurrence = recurrence_rule.parse(raw, now=now, pointer=where)
        if recurrence.frequency is Frequency.SECOND and recurrence.interval < _SHORTEST_SECONDS:
            allowed = f"a batch is released at most every {_SHORTEST_SECONDS} seconds"
            raise InvalidRecurrence(f"{where}/interval", recurrence.interval, allowed)
    found = Criteria(
        _limit(stated, "messageCount", MOST_MESSAGES, pointer),
        _limit(stated, "batchSize", MOST_BYTES, pointer),
        recurrence,
    )
    if found == Criteria(None, None, None):
        raise InvalidBatch(f"The batch at {pointer} needs 'messageCount', 'batchSize' or 'recurrence'.")
    return found


def _limit(stated: Any, name: str, most: int, pointer: str) -> int | None:
    if read.member(stated, name) is None:
        return None
    found = read.integer(stated, name)
    if not 1 <= found <= most:
        raise InvalidBatch(f"The '{name}' of the batch at {pointer} is {found}: 1 to {most} is allowed.")
    return found
