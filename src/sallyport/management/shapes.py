"""What the resources of Microsoft.Logic look like on the wire."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sallyport.engine.records import Record
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.store import documents, runs, schema
from sallyport.store.history import Entry
from sallyport.wdl.definition import MISSING
from sallyport.web import signed_urls

#: What is told of a run's trigger in another way, or is our own.
_NOT_SHOWN = frozenset({"inputs", "outputs", "clientTrackingId", "awaited"})
#: Under which name each kind of loop says how often it went round.
_COUNTED = {"Foreach": "repetitionCount", "Until": "iterationCount"}
#: Stands for the trigger in the address of a content, in the place of an action's name.
OF_TRIGGER = "$trigger"


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the addresses at which whoever was shown a run reads its contents without a token."""

    origin: str
    #: Until when they hold: a UTC moment in ISO 8601.
    until: str

    def content(self, of: DeployedWorkflow, place: tuple[str, str, str, str]) -> str:
        """Answer the address of a content; `place` is its run, action, repetition and part."""
        return signed_urls.content_url(self.origin, of.id, of.access_key, place, self.until)


def workflow(found: DeployedWorkflow, origin: str, *, whole: bool = False) -> dict[str, Any]:
    """Answer a workflow; values of secure parameters are left out, unless it is `whole` and nobody is shown it."""
    declared = found.definition.parameters
    shown: dict[str, Any] = {}
    for name, value in found.parameters.items():
        if name == "$connections" or (declared[name].secure and not whole):
            continue
        if value != _default(declared[name].default):
            shown[name] = {"value": value}
    if found.connections or "$connections" in declared:
        shown["$connections"] = {"value": found.parameters.get("$connections", {})}
    return {
        "id": found.resource_id,
        "name": found.name,
        "type": "Microsoft.Logic/workflows",
        "location": found.location,
        "tags": dict(found.tags),
        **({"kind": found.definition.kind} if found.definition.kind is not None else {}),
        "properties": {
            "provisioningState": "Succeeded",
            "createdTime": found.created_at,
            "changedTime": found.changed_at,
            "state": found.state,
            "version": str(found.version),
            "accessEndpoint": f"{origin}/workflows/{found.id}",
            "definition": dict(found.definition.raw) if whole else _without_secrets(found),
            "parameters": shown,
        },
    }


def run(row: runs.Run, of: DeployedWorkflow, links: Links) -> dict[str, Any]:
    """Answer a run."""
    trigger = documents.loads(row.trigger)
    properties: dict[str, Any] = {
        "startTime": row.started_at,
        "endTime": row.ended_at,
        "status": row.status,
        "code": row.code,
        "error": row.error,
        "correlation": {"clientTrackingId": row.client_tracking_id},
        "workflow": {
            "id": f"{of.resource_id}/versions/{row.version}",
            "name": str(row.version),
            "type": "Microsoft.Logic/workflows/versions",
        },
        "trigger": _run_trigger(trigger, of, row.id, links),
        "outputs": documents.loads(row.outputs) if row.outputs else {},
    }
    return {
        "id": f"{of.resource_id}/runs/{row.id}",
        "name": row.id,
        "type": "Microsoft.Logic/workflows/runs",
        "properties": {key: value for key, value in properties.items() if value is not None},
    }


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded of an action in one repetition, or of one iteration of a loop."""

    entry: Entry
    record: Record
    #: How many iterations have begun, of a loop.
    iterations: int


def action(found: Recorded, of: DeployedWorkflow, run_row: runs.Run, links: Links) -> dict[str, Any]:
    """Answer an action of a run, or one repetition of it, with links to its contents."""
    record = found.record
    properties: dict[str, Any] = {
        "startTime": schema.instant(record.started_at),
        "endTime": schema.instant(record.ended_at) if record.ended_at else None,
        "status": record.status.value,
        "code": record.code or None,
        "error": record.error,
        "trackingId": record.tracking_id,
        "correlation": {"actionTrackingId": record.tracking_id, "clientTrackingId": run_row.client_tracking_id},
        "retryHistory": retry_history(record),
        "trackedProperties": record.tracked_properties,
        "canResubmit": False,
        **_count(found, of),
    }
    properties |= content_links(found.entry.document, of, (run_row.id, record.name, record.repetition), links)
    base = f"{of.resource_id}/runs/{run_row.id}/actions/{record.name}"
    if record.repetition:
        properties["repetitionIndexes"] = _indexes(record, of)
    return {
        "id": base + (f"/repetitions/{record.repetition}" if record.repetition else ""),
        "name": record.repetition or record.name,
        "type": "workflow/run/action/repetitions" if record.repetition else "Microsoft.Logic/workflows/runs/actions",
        "properties": {key: value for key, value in properties.items() if value is not None},
    }


def retry_history(record: Record) -> list[dict[str, Any]] | None:
    """Answer the attempts that were repeated; each error stands in a response of its own, as the models have it."""
    if record.retry_history is None:
        return None
    return [{**each, "error": {"error": each["error"]}} for each in record.retry_history]


def _run_trigger(trigger: Mapping[str, Any], of: DeployedWorkflow, run_id: str, links: Links) -> dict[str, Any]:
    shown = {key: value for key, value in trigger.items() if key not in _NOT_SHOWN}
    shown["correlation"] = {"clientTrackingId": trigger.get("clientTrackingId")}
    return shown | content_links(trigger, of, (run_id, OF_TRIGGER, ""), links)


def content_links(
    document: Mapping[str, Any], of: DeployedWorkflow, place: tuple[str, str, str], links: Links
) -> dict[str, Any]:
    """Answer where the contents of a record are read; `place` is its run or firing, its action and repetition."""
    parts = {part: document.get(part) for part in ("inputs", "outputs")}
    return {
        f"{part}Link": _link(stored, document, of, (*place, part), links)
        for part, stored in parts.items()
        if isinstance(stored, dict)
    }


def _link(
    stored: Mapping[str, Any],
    document: Mapping[str, Any],
    of: DeployedWorkflow,
    place: tuple[str, str, str, str],
    links: Links,
) -> dict[str, Any]:
    """Answer where a content is read; a secured one says so, and has no address."""
    if "same" in stored:
        stored = document["inputs"]
    if "sealed" in stored:
        return {"secureData": {"properties": [place[3]]}}
    if "digest" in stored:
        size, digest = stored["size"], stored["digest"]
    else:
        body = documents.dumps(stored.get("value"))
        size, digest = len(body), hashlib.sha256(body).hexdigest()
    return {
        "uri": links.content(of, place),
        "contentSize": size,
        "contentHash": {"algorithm": "sha256", "value": digest},
    }


def _count(found: Recorded, of: DeployedWorkflow) -> dict[str, int]:
    """Answer how often a loop has repeated its actions, by which clients offer its iterations one by one."""
    declared = of.definition.actions.get(found.record.name)
    if declared is None or found.record.iteration or declared.type not in _COUNTED:
        return {}
    return {_COUNTED[declared.type]: found.iterations}


def _indexes(record: Record, of: DeployedWorkflow) -> list[dict[str, Any]]:
    found = of.definition.actions.get(record.name)
    loops = found.loops if found is not None else ()
    if record.iteration:
        loops = (*loops, record.name)
    indexes = [int(part) for part in record.repetition.split("-")]
    return [{"scopeName": loop, "itemIndex": index} for loop, index in zip(loops, indexes, strict=False)]


def _default(value: Any) -> Any:
    return None if value is MISSING else value


def _without_secrets(found: DeployedWorkflow) -> Any:
    """Answer the definition without default values of secure parameters."""
    raw = dict(found.definition.raw)
    declared = raw.get("parameters")
    if isinstance(declared, dict):
        secure = {name for name, each in found.definition.parameters.items() if each.secure}
        raw["parameters"] = {
            name: {key: value for key, value in each.items() if key != "defaultValue"}
            if name in secure and isinstance(each, dict)
            else each
            for name, each in declared.items()
        }
    return raw
