"""A run of an offline engine, in the shape in which a server shows runs, with contents in place of links to them."""

from __future__ import annotations

from typing import Any

from sallyport.engine import entries, resume
from sallyport.engine.engine import Engine
from sallyport.engine.records import ABSENT, Record
from sallyport.engine.run import Answer
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.management import shapes
from sallyport.store import documents, runs, schema


async def read(engine: Engine, workflow: DeployedWorkflow, run_id: str, answer: Answer | None) -> dict[str, Any]:
    """Answer a run with its actions, their repetitions, and what it answered its caller."""
    row = await engine.database.read(lambda connection: runs.get(connection, run_id))
    stored = await engine.database.read(lambda connection: resume.read(connection, row))
    reader = entries.Reader(None, stored.bodies)
    trigger = documents.loads(row.trigger)
    shown_trigger = {key: trigger[key] for key in ("name", "startTime", "endTime", "code", "status") if key in trigger}
    for part in ("inputs", "outputs"):
        if isinstance(trigger.get(part), dict) and (content := reader.content(trigger[part])) is not ABSENT:
            shown_trigger[part] = content
    properties: dict[str, Any] = {
        "startTime": row.started_at,
        "endTime": row.ended_at,
        "status": row.status,
        "code": row.code,
        "error": row.error,
        "trigger": shown_trigger,
        "outputs": documents.loads(row.outputs) if row.outputs else {},
        "workflow": {"name": workflow.name, "properties": {"definition": dict(workflow.definition.raw)}},
        "actions": _actions([reader.record(entry) for entry in stored.entries]),
    }
    if answer is not None:
        properties["response"] = {"statusCode": answer.status, "headers": dict(answer.headers), "body": answer.body}
    return {"name": row.id, "properties": {key: value for key, value in properties.items() if value is not None}}


def _actions(records: list[Record]) -> dict[str, Any]:
    latest = {(each.name, each.repetition): each for each in records if not each.iteration}
    found: dict[str, Any] = {}
    for (name, repetition), record in latest.items():
        if repetition:
            listed = found.setdefault(name, {}).setdefault("repetitions", [])
            listed.append({"name": repetition, "properties": _properties(record)})
        else:
            found[name] = {**_properties(record), **found.get(name, {})}
    return found


def _properties(record: Record) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "startTime": schema.instant(record.started_at),
        "endTime": schema.instant(record.ended_at) if record.ended_at else None,
        "status": record.status.value,
        "code": record.code or None,
        "error": record.error,
        "inputs": None if record.inputs is ABSENT else record.inputs,
        "outputs": None if record.outputs is ABSENT else record.outputs,
        "retryHistory": shapes.retry_history(record),
        "trackedProperties": record.tracked_properties,
    }
    return {key: value for key, value in shown.items() if value is not None}
