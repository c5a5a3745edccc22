"""Builds a run in memory again from its row and its history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from sallyport.engine import entries, start
from sallyport.engine.records import Record
from sallyport.engine.run import Run, Surroundings
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.statuses import Status
from sallyport.store import callbacks, contents, documents, history, runs


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything that is stored of a run."""

    row: runs.Run
    entries: list[history.Entry]
    callbacks: list[callbacks.Callback]
    bodies: dict[str, bytes]


def read(connection: Connection, row: runs.Run) -> Stored:
    """Read everything that is stored of a run."""
    found = list(history.read(connection, row.id))
    named = set(entries.digests(documents.loads(row.trigger)))
    for entry in found:
        named.update(entries.digests(entry.document))
    return Stored(row, found, callbacks.of_run(connection, row.id), contents.get(connection, named))


def build(around: Surroundings, workflow: DeployedWorkflow, stored: Stored) -> Run:
    """Answer the run as it was when its last entry was committed."""
    trigger: dict[str, Any] = start.load_trigger(stored.row.trigger, around.seal, stored.bodies)
    awaited = trigger.pop("awaited", False)
    run = Run(around, workflow, stored.row, trigger)
    run.awaited = awaited
    reader = entries.Reader(around.seal, stored.bodies)
    for entry in stored.entries:
        record = reader.record(entry)
        run.put(record)
        run.answered = run.answered or _responds(workflow, record)
        for operation, name, value in record.changes or ():
            run.variables.apply(operation, name, value)
        run.ledger.sequence = entry.sequence + 1
    for callback in stored.callbacks:
        run.waits.callbacks[callback.action, callback.repetition] = documents.loads(around.seal.open(callback.request))
    return run


def _responds(workflow: DeployedWorkflow, record: Record) -> bool:
    action = workflow.definition.actions.get(record.name)
    action_type = workflow.action_types.get(action.type) if action is not None else None
    return record.status is Status.SUCCEEDED and action_type is not None and action_type.responds
