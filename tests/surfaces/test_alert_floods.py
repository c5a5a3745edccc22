"""More alerts at once than a trigger's concurrency lets `splitOn` take at a time: each of them starts its run."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import playhouse
from sallyport.store import runs

API = "/subscriptions/s/providers/Microsoft.Web/locations/l/managedApis/microsoftgraphsecurity"
CONNECTIONS = {"graph": {"connectionId": "/connections/graph", "connectionName": "graph", "id": API}}
DEFINITION: dict[str, Any] = {
    "parameters": {"$connections": {"type": "Object", "defaultValue": {}}},
    "triggers": {
        "alert": {
            "type": "ApiConnection",
            "recurrence": {"frequency": "Minute", "interval": 3},
            "splitOn": "@triggerBody()?['value']",
            "runtimeConfiguration": {"concurrency": {"runs": 5, "maximumWaitingRuns": 100}},
            "inputs": {
                "host": {"connection": {"name": "@parameters('$connections')['graph']['connectionId']"}},
                "method": "get",
                "path": "/trigger/v1.0/security/alerts",
            },
        }
    },
    "actions": {"Note": {"type": "Compose", "inputs": "@triggerBody()['title']", "runAfter": {}}},
}


async def test_more_alerts_than_a_limited_trigger_splits_at_a_time_start_a_run_each(tmp_path: Path) -> None:
    file = tmp_path / "flood.json"
    workflow = {"definition": DEFINITION, "parameters": {"$connections": {"value": CONNECTIONS}}}
    file.write_text(json.dumps({"properties": workflow}))
    vendor = {"provider": "Tester", "vendor": "Contoso"}
    async with playhouse.opened(tmp_path) as play:
        (deployed,) = await play.deploy(file)
        await play.later(minutes=4)
        await play.ingest(*({"title": f"t{n}", "severity": "low", "vendorInformation": vendor} for n in range(130)))
        async with asyncio.timeout(20):
            while True:
                found = await play.house.database.read(lambda connection: runs.listed(connection, limit=500))
                if len(found) >= 130 and {run.status for run in found} == {"Succeeded"}:
                    break
                await play.later(minutes=4)
        assert "Failed" not in await play.histories(deployed.name, "alert")
    assert len(found) == 130
