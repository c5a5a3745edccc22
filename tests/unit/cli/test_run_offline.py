from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sallyport.cli import main

CALL = {"type": "Http", "inputs": {"method": "GET", "uri": "https://intel.example/x"}, "runAfter": {}}


def definition(actions: dict[str, Any], **trigger: Any) -> dict[str, Any]:
    return {"triggers": {"manual": {"type": "Request", "inputs": {}, **trigger}}, "actions": actions}


def run(folder: Path, document: Any, *arguments: str, mocks: Any = None) -> Result:
    (folder / "flow.json").write_text(json.dumps(document))
    more = list(arguments)
    if mocks is not None:
        (folder / "mocks.json").write_text(json.dumps(mocks))
        more += ["--mocks", str(folder / "mocks.json")]
    return CliRunner().invoke(main, ["run", str(folder / "flow.json"), "--offline", *more], env={})


def test_time_jumps_over_waits_and_repeats(tmp_path: Path) -> None:
    wait = {"type": "Wait", "inputs": {"interval": {"count": 2, "unit": "Day"}}, "runAfter": {"Call": ["Succeeded"]}}
    mocks = [{"match": {"url": "https://intel.example/*"}, "response": [{"status": 503}, {"body": {"score": 9}}]}]
    result = run(tmp_path, definition({"Call": CALL, "Wait": wait}), "--json", mocks=mocks)
    assert result.exit_code == 0, result.stderr
    properties = json.loads(result.stdout)["properties"]
    assert properties["actions"]["Call"]["outputs"]["body"] == {"score": 9}
    assert len(properties["actions"]["Call"]["retryHistory"]) == 1
    assert properties["endTime"][:10] > properties["startTime"][:10]


def test_a_call_without_a_mock_fails_its_action_with_a_sentence(tmp_path: Path) -> None:
    result = run(tmp_path, definition({"Call": CALL}))
    assert result.exit_code == 1
    assert "Call  Failed  NoMock" in result.stdout
    assert "no mock answers GET https://intel.example/x" in result.stdout


def test_the_answer_of_a_synchronous_workflow_is_shown(tmp_path: Path) -> None:
    answer = {"type": "Response", "inputs": {"statusCode": 201, "body": "@triggerBody()"}, "runAfter": {}}
    result = run(tmp_path, definition({"Answer": answer}), "--body", '{"a": 1}', "--json")
    response = json.loads(result.stdout)["properties"]["response"]
    assert (response["statusCode"], response["body"]) == (201, {"a": 1})


def test_a_split_makes_a_run_of_each_item(tmp_path: Path) -> None:
    actions = {"Item": {"type": "Compose", "inputs": "@triggerBody()", "runAfter": {}}}
    document = definition(actions, splitOn="@triggerBody()?['value']")
    result = run(tmp_path, document, "--body", '{"value": [1, 2]}', "--json")
    found = [json.loads(line)["properties"]["actions"]["Item"]["outputs"] for line in result.stdout.splitlines()]
    assert found == [1, 2]


def test_a_condition_that_is_not_met_starts_nothing(tmp_path: Path) -> None:
    document = definition({}, conditions=[{"expression": "@equals(triggerBody(), 1)"}])
    result = run(tmp_path, document, "--body", "2")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "is not met" in result.stderr


def test_a_webhook_action_is_given_the_callback_of_its_mock(tmp_path: Path) -> None:
    subscribe = {"method": "POST", "uri": "https://intel.example/s", "body": "@{listCallbackUrl()}"}
    hook = {"type": "HttpWebhook", "inputs": {"subscribe": subscribe, "unsubscribe": {}}, "runAfter": {}}
    mocks = [{"match": {"action": "Hook"}, "response": {}, "callback": {"body": {"choice": "Block"}}}]
    result = run(tmp_path, definition({"Hook": hook}), "--json", mocks=mocks)
    assert result.exit_code == 0, result.stdout
    assert json.loads(result.stdout)["properties"]["actions"]["Hook"]["outputs"]["body"] == {"choice": "Block"}


@pytest.mark.parametrize(("trigger", "message"), [("nobody", "has no trigger 'nobody'"), ("", "2 triggers")])
def test_the_trigger_must_be_plain(tmp_path: Path, trigger: str, message: str) -> None:
    request = {"type": "Request", "inputs": {}}
    document = {
        "triggers": {"one": request, "two": {"type": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1}}},
        "actions": {},
    }
    result = run(tmp_path, document, "--trigger", trigger)
    assert result.exit_code == 1
    assert message in result.stderr


def test_a_workflow_without_a_trigger_is_not_asked_for_the_name_of_one(tmp_path: Path) -> None:
    result = run(tmp_path, {"triggers": {}, "actions": {}})
    assert (result.exit_code, result.stdout) == (1, "")
    assert "has no trigger, so that nothing can start it" in result.stderr
    assert "--trigger" not in result.stderr


def test_a_standard_project_runs_with_its_parameters_and_app_settings(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text("{}")
    values = {
        "Url": {"type": "String", "value": "@appsetting('ServiceUrl')"},
        "Key": {"type": "SecureString", "value": "@appsetting('ServiceKey')"},
        "Both": {"type": "Object", "value": {"of": "@{parameters('Url')}/x"}},
    }
    (tmp_path / "parameters.json").write_text(json.dumps(values))
    shown = {"type": "Compose", "inputs": "@parameters('Both')['of']", "runAfter": {}}
    hidden = {"type": "Compose", "inputs": "@parameters('Key')", "runAfter": {}}
    document = {"definition": definition({"Shown": shown, "Hidden": hidden}), "kind": "Stateful"}
    (tmp_path / "flow").mkdir()
    (tmp_path / "flow" / "workflow.json").write_text(json.dumps(document))
    settings = {
        "SALLYPORT_APP_SETTINGS_ServiceUrl": "https://svc.example",
        "SALLYPORT_APP_SETTINGS_ServiceKey": "canary-of-the-key",
    }
    result = CliRunner().invoke(main, ["run", str(tmp_path / "flow"), "--offline", "--json"], env=settings)
    assert result.exit_code == 0, result.stdout + result.stderr
    actions = json.loads(result.stdout)["properties"]["actions"]
    assert actions["Shown"]["outputs"] == "https://svc.example/x"
    assert actions["Hidden"]["status"] == "Succeeded"
    assert "canary-of-the-key" not in result.stdout
    checked = CliRunner().invoke(main, ["validate", str(tmp_path / "flow" / "workflow.json")], env={})
    assert "is not declared" not in checked.stdout
    assert checked.exit_code == 0
