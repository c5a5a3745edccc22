"""How a run begins: its name, its trigger's record, and its row; once for each event.

The rule: a start is acknowledged only after its row is committed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection

from sallyport.clock import Clock
from sallyport.engine import entries, run
from sallyport.engine.records import ABSENT
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import TooManyRequests
from sallyport.statuses import Status
from sallyport.store import contents, documents, history, runs, schema, workflows
from sallyport.wdl import definition

#: Names of runs count down from here, in units of 100 ns, so that the newest sorts first.
_LAST_TICK = 2**63 - 1
_EPOCH_TICKS = 621_355_968_000_000_000

#: The longest name of an event, and the longest tracking id of a client, in characters.
_LONGEST_ID = 256


@dataclass(frozen=True, slots=True)
class Event:
    """What made a trigger fire."""

    #: What `triggerOutputs()` answers.
    outputs: Any
    inputs: Any = None
    #: Names the event, so that it starts one run however often it is delivered; None when nothing names it.
    event_id: str | None = None
    client_tracking_id: str = ""
    code: str = "OK"
    #: When the trigger was due, for those that follow a schedule.
    scheduled_at: datetime | None = None
    started_at: datetime | None = None
    #: Whether another run waits for the response, which it reads from the history: a restart does not change that.
    awaited: bool = False


@dataclass(slots=True)
class Start:
    """A run that is ready to be stored."""

    row: runs.Run
    #: What `trigger()` answers in the run.
    trigger: dict[str, Any]
    #: Large contents of the trigger, by their hash.
    bodies: dict[str, bytes] = field(default_factory=dict)


def prepare(
    around: run.Surroundings, workflow: DeployedWorkflow, trigger_name: str, event: Event, *, owner: str | None = None
) -> Start:
    """Answer a new run of a workflow, caused by an event of one of its triggers; to be claimed without an owner."""
    now = around.clock.now()
    name = run_name(around.clock)
    trigger = _trigger(trigger_name, event, now, name)
    secrets = workflow.secrets
    writer = entries.Writer(around.seal, secrets.texts, around.limits.inline_content_bytes)
    stored = dict(trigger)
    for key, secret in (("inputs", secrets.trigger_inputs), ("outputs", secrets.trigger_outputs)):
        if trigger.get(key) is not None:
            stored[key] = writer.content(trigger[key], secret=secret)
    if event.awaited:
        stored["awaited"] = True
    row = runs.Run(
        id=name,
        workflow_id=workflow.id,
        version=workflow.version,
        trigger_name=trigger_name,
        event_id=_event_id(event.event_id),
        status=Status.RUNNING.value,
        started_at=schema.instant(now),
        client_tracking_id=trigger["clientTrackingId"],
        trigger=writer.text(stored),
        epoch=1,
        owner=owner,
        wake_at=schema.instant(now) if owner is None else None,
    )
    return Start(row, trigger, writer.bodies)


def store(connection: Connection, start: Start, concurrency: Concurrency | None) -> str:
    """Store a run to be claimed, unless its event started one already; answer the name of the run that the event has.

    With trigger concurrency, a run above it waits. Raises TooManyRequests when the waiting list is full.
    """
    row = start.row
    if concurrency is not None:
        known = runs.of_event(connection, row.workflow_id, row.trigger_name, row.event_id)
        if known is not None:
            # Delivered again: it has its place already, however many wait.
            return known
        runs.count_in_turn(connection, row.workflow_id)
        row = _above(connection, row, concurrency)
    contents.put(connection, start.bodies, row.started_at)
    return runs.insert_once(connection, row)


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many runs of a trigger go on at once, and how many more may wait."""

    runs: int
    waiting: int


def concurrency(workflow: DeployedWorkflow, trigger_name: str) -> Concurrency | None:
    """Answer the concurrency that a trigger sets; None when it sets none, which means no limit."""
    return _concurrency(workflow.definition, trigger_name)


def leaving(row: runs.Run, workflow: DeployedWorkflow | None) -> history.Leaving:
    """Answer what is to be said of a run that has ended, whose workflow is None when it cannot be read."""
    trigger_name = row.trigger_name
    limit = concurrency(workflow, trigger_name) if workflow is not None else None
    runs_at_once = limit.runs if limit is not None else None
    version = row.version if workflow is not None else 0
    return history.Leaving(row.workflow_id, trigger_name, version, runs_at_once, partial(_runs_at_once, trigger_name))


def _runs_at_once(trigger_name: str, stored: workflows.Workflow) -> int | None:
    try:
        read = definition.parse(documents.loads(stored.definition), kind=stored.kind)
    except definition.InvalidDefinition:
        # Nobody could go on.
        return 0
    limit = _concurrency(read, trigger_name)
    return limit.runs if limit is not None else None


def _concurrency(defined: definition.Definition, trigger_name: str) -> Concurrency | None:
    trigger = defined.triggers.get(trigger_name)
    if trigger is None:
        return None
    configured = trigger.raw.get("runtimeConfiguration")
    stated = configured.get("concurrency") if isinstance(configured, dict) else None
    single = "singleinstance" in trigger.operation_options
    if not isinstance(stated, dict) and not single:
        return None
    values = stated if isinstance(stated, dict) else {}
    at_once = 1 if single else _number(values.get("runs"), 25)
    return Concurrency(at_once, _number(values.get("maximumWaitingRuns"), at_once + 10))


def load_trigger(document: str, seal: entries.Seal | None, bodies: dict[str, bytes]) -> dict[str, Any]:
    """Answer a stored trigger's record as `trigger()` answers it; without the seal, secrets are left out."""
    reader = entries.Reader(seal, bodies)
    trigger: dict[str, Any] = documents.loads(document)
    for key in ("inputs", "outputs"):
        if isinstance(trigger.get(key), dict):
            value = reader.content(trigger[key])
            if value is ABSENT:
                del trigger[key]
            else:
                trigger[key] = value
    return trigger


def run_name(clock: Clock) -> str:
    """Answer a new run's name: descending ticks, then digits by chance."""
    ticks = _EPOCH_TICKS + int(clock.now().timestamp() * 1_000_000) * 10
    return f"{_LAST_TICK - ticks:020d}{random.randrange(10**9):09d}CU{random.randrange(100):02d}"  # noqa: S311


def _event_id(given: str | None) -> str | None:
    """Answer what names an event, short enough to be looked up by."""
    if given is None or len(given) <= _LONGEST_ID:
        return given
    return contents.digest(given.encode("utf-8", "surrogatepass"))


def _number(value: Any, default: int) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _above(connection: Connection, row: runs.Run, limit: Concurrency) -> runs.Run:
    if runs.count(connection, row.workflow_id, row.trigger_name, Status.RUNNING.value) < limit.runs:
        return row
    if runs.count(connection, row.workflow_id, row.trigger_name, Status.WAITING.value) >= limit.waiting:
        raise TooManyRequests(
            f"The trigger '{row.trigger_name}' has {limit.waiting} runs waiting, which is all it may."
        )
    return replace(row, status=Status.WAITING.value, wake_at=None)


def _trigger(trigger_name: str, event: Event, now: datetime, name: str) -> dict[str, Any]:
    trigger: dict[str, Any] = {
        "name": trigger_name,
        "startTime": schema.instant(event.started_at or now),
        "endTime": schema.instant(now),
        "trackingId": run.tracking_id(),
        "clientTrackingId": event.client_tracking_id[:_LONGEST_ID] or name,
        "originHistoryName": name,
        "status": Status.SUCCEEDED.value,
        "code": event.code,
    }
    if event.scheduled_at is not None:
        trigger["scheduledTime"] = schema.instant(event.scheduled_at)
    if event.inputs is not None:
        trigger["inputs"] = event.inputs
    if event.outputs is not None:
        trigger["outputs"] = event.outputs
    return trigger
