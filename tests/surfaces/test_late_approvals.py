"""A choice that comes too late is not called recorded, and not called somebody else's answer either."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Connection

import playhouse
from sallyport.store import history

API = "/subscriptions/s/providers/Microsoft.Web/locations/l/managedApis/office365"
CONNECTIONS = {"mail": {"connectionId": "/connections/mail", "connectionName": "mail", "id": API}}
RUNS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Logic/workflows/ask/runs"
ASK = {
    "type": "ApiConnectionWebhook",
    "limit": {"timeout": "PT10M"},
    "inputs": {
        "host": {"connection": {"name": "@parameters('$connections')['mail']['connectionId']"}},
        "path": "/approvalmail/$subscriptions",
        "body": {"NotificationUrl": "@{listCallbackUrl()}", "Message": {"To": "a@contoso.com", "Subject": "May I?"}},
    },
}
PAUSE = {"type": "Wait", "inputs": {"interval": {"count": 9, "unit": "Day"}}, "runAfter": {"Ask": ["TimedOut"]}}
DEFINITION: dict[str, Any] = {
    "parameters": {"$connections": {"type": "Object", "defaultValue": {}}},
    "triggers": {"manual": {"type": "Request", "inputs": {}}},
    "actions": {"Ask": ASK, "Pause": PAUSE},
}


@pytest.mark.parametrize("why", ["timed out", "cancelled", "answered"])
async def test_who_chooses_too_late_is_told_why_it_changes_nothing(tmp_path: Path, why: str) -> None:
    file = tmp_path / "ask.json"
    workflow = {"definition": DEFINITION, "parameters": {"$connections": {"value": CONNECTIONS}}}
    file.write_text(json.dumps({"properties": workflow}))
    async with playhouse.opened(tmp_path) as play:
        await play.deploy(file)
        started = await play.post(f"{RUNS.removesuffix('/runs')}/triggers/manual/run")
        run_id = started.headers["x-ms-workflow-run-id"]

        def asked(connection: Connection) -> str | None:
            return history.latest_status(connection, run_id, ("Ask", ""))

        await play.until(lambda: play.mails.sent)
        await play.until(lambda: not play.house.engine.dispatch.active)
        approve, reject = map(unescape, re.findall(r'href="([^"]+/approvals/[^"]+)"', play.mails.html()))
        if why == "timed out":
            await play.later(minutes=11)
            await play.until(lambda: play.house.database.read_now(asked) == "TimedOut")
        elif why == "cancelled":
            await play.post(f"{RUNS}/{run_id}/cancel")
        else:
            assert "Your answer was recorded" in (await play.client.post(reject)).text
        late = await play.client.post(approve)
    expected = (409, "Already answered") if why == "answered" else (410, "Nobody waits for this answer any more")
    assert (late.status_code, expected[1] in late.text) == (expected[0], True)
