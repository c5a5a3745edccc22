"""Whoever deletes a workflow stops what it is doing."""

from __future__ import annotations

import json
from pathlib import Path

import playhouse
from sallyport.store import runs

WORKFLOW = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Logic/workflows/sleeper"
SINK = "https://sink.test"


async def test_the_runs_of_a_workflow_that_is_deleted_are_cancelled(tmp_path: Path) -> None:
    subscribe = {"method": "POST", "uri": f"{SINK}/sub"}
    hook = {"subscribe": subscribe, "unsubscribe": {"method": "POST", "uri": f"{SINK}/unsub"}}
    actions = {"Hook": {"type": "HttpWebhook", "inputs": hook, "runAfter": {}}}
    file = tmp_path / "sleeper.json"
    file.write_text(json.dumps({"triggers": {"manual": {"type": "Request", "inputs": {}}}, "actions": actions}))
    outside = playhouse.Outside(replies={"POST /sub": (200, {}), "POST /unsub": (200, {})})
    async with playhouse.opened(tmp_path, outside, web=[SINK]) as play:
        await play.deploy(file)
        run_id = (await play.post(f"{WORKFLOW}/triggers/manual/run")).headers["x-ms-workflow-run-id"]
        await play.until(lambda: play.outside.requests)
        active = play.house.engine.dispatch.active
        await play.until(lambda: run_id not in active)
        assert (await play.client.delete(WORKFLOW)).status_code == 200
        row = await play.house.database.read(lambda connection: runs.get(connection, run_id))
        assert (row.status, row.error) == (
            "Cancelled",
            {"code": "WorkflowRunCancelled", "message": "The workflow was deleted."},
        )
        await play.until(lambda: len(play.outside.requests) == 2)
        assert play.outside.requests[1][:2] == ("POST", f"{SINK}/unsub")
        assert (await play.client.delete(WORKFLOW)).status_code == 204
