"""A canary in every place where a secret can be: the files of the database never hold it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sallyport.clock import ManualClock
from sallyport.engine.engine import Event
from scenarios.stage import Stage

PARAMETER, ANSWER, REPORT, TRIGGERED = "canary-parameter-1", "canary-answer-2", "canary-report-3", "canary-trigger-4"
SECURE: dict[str, Any] = {"runtimeConfiguration": {"secureData": {"properties": ["inputs", "outputs"]}}}


def _http(name: str, body: Any = None, after: str = "", **more: Any) -> dict[str, Any]:
    inputs = {"method": "POST", "uri": f"https://sink.test/{name}", "body": body, "retryPolicy": {"type": "none"}}
    return {"type": "Http", "inputs": inputs, "runAfter": {after: ["Succeeded", "Failed"]} if after else {}, **more}


def _compose(inputs: Any, after: str = "") -> dict[str, Any]:
    return {"type": "Compose", "inputs": inputs, "runAfter": {after: ["Succeeded", "Failed"]} if after else {}}


SUBSCRIBE = {"method": "POST", "uri": "https://sink.test/subscribe", "body": {"callback": "@listCallbackUrl()"}}
DOCUMENT = {
    "parameters": {"key": {"type": "SecureString"}},
    "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {}, **SECURE}},
    "actions": {
        "Init": {
            "type": "InitializeVariable",
            "inputs": {"variables": [{"name": "kept", "type": "String", "value": "@body('Get')"}]},
            "runAfter": {"Get": ["Succeeded"]},
        },
        "Get": _http("get", "@parameters('key')", **SECURE),
        "Derive": _compose("@concat(variables('kept'), parameters('key'))", "Init"),
        "Refused": _http("refused", "@outputs('Derive')", "Derive", **SECURE),
        "Broken": _compose("@int(outputs('Derive'))", "Refused"),
        "Report": {"type": "HttpWebhook", "inputs": {"subscribe": SUBSCRIBE}, "runAfter": {}, **SECURE},
        "Reported": _compose("@body('Report')", "Report"),
        "Each": {
            "type": "Foreach",
            "foreach": "@triggerBody()?['users']",
            "actions": {"User": _compose("@item()"), "Echo": _http("echo", "@item()", "User")},
            "runAfter": {},
        },
        "Stop": {
            "type": "Terminate",
            "inputs": {"runStatus": "Failed", "runError": {"code": "X", "message": "said @{parameters('key')}"}},
            "runAfter": {"Broken": ["Failed"], "Reported": ["Succeeded"], "Each": ["Succeeded"]},
        },
    },
    "outputs": {"shown": {"type": "String", "value": "@variables('kept')"}},
}


async def test_no_secret_is_found_in_the_files_of_the_database(tmp_path: Path) -> None:
    stage = await Stage(tmp_path, clock=ManualClock()).open()
    stage.outside.replies = {
        "POST https://sink.test/get": (200, {}, ANSWER),
        "POST https://sink.test/refused": (400, {}, {"error": {"message": f"no {ANSWER}"}}),
        "POST https://sink.test/echo": (200, {}, {"echo": PARAMETER}),
    }
    try:
        workflow = await stage.deploy(DOCUMENT, parameters={"key": PARAMETER})
        event = Event({"headers": {}, "body": {"users": [TRIGGERED, TRIGGERED + "-b"]}})
        started = await stage.engine.start(workflow, "manual", event)
        await started.stored
        assert await stage.engine.report(started.run_id, "Report", "", {"headers": {}, "body": REPORT})
        found = await stage.finish(started.run_id)
        assert found.status == "Failed", found.statuses()
        unsaid = "What went wrong is not shown, because inputs or outputs of the action are secured."
        assert (found.run.code, found.run.error) == ("X", {"code": "X", "message": unsaid})
        assert found["Reported"].status == "Succeeded"
        sent = [request.body.decode() for request in stage.outside.requests]
        assert f"{ANSWER}{PARAMETER}" in sent
        assert TRIGGERED in sent
    finally:
        await stage.close()
    files = [file for file in tmp_path.iterdir() if file.is_file()]
    assert {file.name for file in files} >= {"stage.db"}
    for file in files:
        for canary in (PARAMETER, ANSWER, REPORT, TRIGGERED):
            assert canary.encode() not in file.read_bytes(), f"{canary} stands in {file.name}"


async def test_a_report_is_sealed_while_it_waits_to_be_heard(tmp_path: Path) -> None:
    stage = await Stage(tmp_path, clock=ManualClock()).open()
    try:
        workflow = await stage.deploy(DOCUMENT, parameters={"key": PARAMETER})
        started = await stage.engine.start(workflow, "manual", Event({"body": {"users": []}}))
        await started.stored
        assert await stage.engine.report(started.run_id, "Report", "", {"headers": {}, "body": REPORT})
        for file in tmp_path.iterdir():
            assert REPORT.encode() not in file.read_bytes()
    finally:
        await stage.close()
