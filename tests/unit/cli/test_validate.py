"""`sallyport validate`: what it accepts and refuses, how it says so, and that real playbooks pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import effort
from sallyport.cli import main
from sallyport.cli.validate import validate
from workplace import SHARED, needs_shared

SOUND: dict[str, Any] = {
    "triggers": {"manual": {"type": "Request"}},
    "actions": {"a": {"type": "Compose", "inputs": 1}},
}
BROKEN: dict[str, Any] = {**SOUND, "actions": {"a": {"type": "Compose", "inputs": "@body('ghost')"}}}

#: Public files that Azure would refuse as well, each with a part of the reason.
REFUSED = {
    "Workflow_automation__Open-DevOpsTaskRecommendation__azuredeploy.json": "The trigger 'triggers' has no type.",
    "Workflow_automation__Create-MDEDeviceTagArc_": "The template variable 'armConnectionName' is not declared.",
    "Protect_Azure_VM_Backup_from_Ransomware__azuredeploy.json": "parameters('BCDR Admin Email') refers to a workflow",
    "__mocks____workflows__AllScopeNodes.json": "changes the variable 'var1', which no action initialises.",
    "__mocks____workflows__RunAfter.json": "body('Create_a_goal') refers to an action that does not exist.",
}


def written(path: Path, document: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["validate", *arguments])


def test_a_sound_file_is_ok(tmp_path: Path) -> None:
    result = run(written(tmp_path / "sound.json", SOUND))
    assert result.exit_code == 0
    assert result.stdout.rstrip().endswith("sound.json ok")
    assert result.stderr == "1 file checked, 0 with errors.\n"


def test_a_broken_file_fails_with_a_sentence_and_a_pointer(tmp_path: Path) -> None:
    result = run(written(tmp_path / "broken.json", {"definition": BROKEN}))
    assert result.exit_code == 1
    assert "body('ghost') refers to an action that does not exist.  /definition/actions/a/inputs" in result.stdout
    assert "\x1b" not in result.stdout


def test_warnings_do_not_fail(tmp_path: Path) -> None:
    result = run(written(tmp_path / "w.json", {**SOUND, "actions": {"a": {"type": "Liquid"}}}))
    assert result.exit_code == 0
    assert "has the type 'Liquid', which cannot be run yet." in result.stdout


def test_one_json_object_is_printed_per_file(tmp_path: Path) -> None:
    broken = written(tmp_path / "broken.json", BROKEN)
    result = run("--json", written(tmp_path / "sound.json", SOUND), broken)
    first, second = map(json.loads, result.stdout.splitlines())
    assert (first["ok"], first["workflows"], first["findings"]) == (True, ["sound"], [])
    assert (second["file"], second["ok"]) == (broken, False)
    assert second["findings"] == [
        {
            "severity": "error",
            "code": "UnknownAction",
            "pointer": "/actions/a/inputs",
            "message": "body('ghost') refers to an action that does not exist.",
            "excerpt": "",
        }
    ]
    assert result.exit_code == 1


def test_a_folder_is_searched_and_files_without_workflows_are_skipped(tmp_path: Path) -> None:
    written(tmp_path / "deep" / "Mail" / "workflow.json", {"definition": SOUND, "kind": "Stateful"})
    written(tmp_path / "host.json", {"version": "2.0"})
    result = run("--json", str(tmp_path))
    reports = [json.loads(line) for line in result.stdout.splitlines()]
    assert [report["workflows"] for report in reports] == [["Mail"], []]
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"version": "2.0"}', "The file holds no workflow"),
        ('{"resources": [], "$schema": "https://x/deploymentTemplate.json#"}', "The template holds no workflow."),
        ('{"actions": {},\n "actions": {}}', 'The key "actions" stands twice in the same object. (line 2, column 2)'),
        ('{"actions": {}} x', "There is text after the end of the document. (line 1, column 17)"),
        ("[" * 100_000, "nested more than 200 deep"),
        ('{"actions": {"a": {}}}', "The action 'a' has no type."),
    ],
)
def test_a_named_file_that_holds_no_sound_workflow_is_refused_with_a_reason(
    tmp_path: Path, content: str, message: str
) -> None:
    result = run(written(tmp_path / "x.json", content))
    assert result.exit_code == 1
    assert message in result.stdout


def test_values_of_parameters_come_from_a_file(tmp_path: Path) -> None:
    template = {
        "$schema": "https://x/deploymentTemplate.json#",
        "parameters": {"name": {"type": "string"}},
        "resources": [
            {"type": "Microsoft.Logic/workflows", "name": "[parameters('name')]", "properties": {"definition": SOUND}}
        ],
    }
    values = written(tmp_path / "values.json", {"parameters": {"name": {"value": "mine"}}, "contentVersion": "1.0.0.0"})
    result = run("--json", "--parameters", values, written(tmp_path / "template.json", template))
    assert json.loads(result.stdout)["workflows"] == ["mine"]
    assert json.loads(result.stdout)["notes"] == []


def test_a_parameter_file_that_cannot_be_read_is_wrong_use(tmp_path: Path) -> None:
    sound = written(tmp_path / "sound.json", SOUND)
    for content in ("{", "[]"):
        assert run("--parameters", written(tmp_path / "values.json", content), sound).exit_code == 2


def test_a_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    name = "a\x1b[31m[bold]"
    result = run(written(tmp_path / "x.json", {**SOUND, "actions": {name: {"type": "Teleport"}}}))
    assert "\x1b" not in result.stdout
    assert "'a [31m[bold]'" in result.stdout


def corpus() -> list[Path]:
    return sorted((SHARED / "corpus" / "playbooks").rglob("*.json"))


@needs_shared
@pytest.mark.parametrize("path", corpus(), ids=lambda path: path.name[-80:])
def test_a_public_playbook_is_accepted_unless_azure_would_refuse_it(path: Path) -> None:
    reasons = [reason for name, reason in REFUSED.items() if name in path.name]
    report = validate(path, {})
    errors = [finding.message for finding in report.findings if finding.severity == "error"]
    if reasons:
        assert not report.ok
        assert any(reasons[0] in error for error in errors)
    else:
        assert errors == []
        assert report.workflows


@needs_shared
def test_every_public_file_that_is_refused_is_there() -> None:
    names = [path.name for path in corpus()]
    assert len(names) > 200
    for refused in REFUSED:
        assert sum(refused in name for name in names) == 1


def polled(recurrence: Any, connection: str = "microsoftgraphsecurity") -> dict[str, Any]:
    host = {"connection": {"name": f"@parameters('$connections')['{connection}']['connectionId']"}}
    inputs = {"host": host, "method": "get", "path": "/trigger/v1.0/security/alerts"}
    trigger = {"type": "ApiConnection", "inputs": inputs, "recurrence": recurrence}
    return {
        **SOUND,
        "parameters": {"$connections": {"type": "Object", "defaultValue": {}}},
        "triggers": {"poll": trigger},
    }


@pytest.mark.parametrize(
    ("recurrence", "pointer"),
    [
        ({"frequency": "Day", "interval": 1, "timeZone": "Central Europe"}, "/triggers/poll/recurrence/timeZone"),
        (
            {"frequency": "Day", "interval": 1, "schedule": {"hours": [24]}},
            "/triggers/poll/recurrence/schedule/hours/0",
        ),
        (None, "/triggers/poll/recurrence"),
    ],
)
def test_a_trigger_that_no_server_would_follow_is_an_error(tmp_path: Path, recurrence: Any, pointer: str) -> None:
    result = run("--json", written(tmp_path / "w.json", polled(recurrence)))
    (found,) = json.loads(result.stdout)["findings"]
    assert (found["severity"], found["pointer"]) == ("error", pointer)
    assert result.exit_code == 1


def test_a_connection_to_an_api_that_no_connector_answers_for_is_a_warning(tmp_path: Path) -> None:
    every = {"frequency": "Minute", "interval": 3}
    result = run("--json", written(tmp_path / "w.json", polled(every, "azuresentinel_1")))
    (found,) = json.loads(result.stdout)["findings"]
    assert (found["severity"], found["code"]) == ("warning", "UnknownConnector")
    assert found["pointer"] == "/triggers/poll/inputs"
    assert "no connector 'azuresentinel'" in found["message"]
    assert "--connection azuresentinel_1=API" in found["message"]
    assert result.exit_code == 0


def test_what_stands_beside_a_workflow_says_which_api_a_connection_belongs_to(tmp_path: Path) -> None:
    written(tmp_path / "w" / "connections.json", {"mine": "microsoftgraphsecurity"})
    report = validate(
        Path(written(tmp_path / "w" / "workflow.json", polled({"frequency": "Day", "interval": 1}, "mine"))), {}
    )
    assert report.findings == ()


def calling(
    path: str, method: str | None = "post", *, api: str = "smtp", type_name: str = "ApiConnection"
) -> dict[str, Any]:
    host = {"connection": {"name": f"@parameters('$connections')['{api}']['connectionId']"}}
    inputs = {"host": host, "path": path, **({"method": method} if method else {})}
    return {**SOUND, "actions": {"call": {"type": type_name, "inputs": inputs}}}


ALERTS = "/v1.0/security/alerts"
ID = "@{encodeURIComponent(triggerBody()?['a}b'])}"


@pytest.mark.parametrize(
    ("document", "nearest"),
    [
        (calling("/SendEmailV4"), "POST /SendEmailV"),
        (calling("/SendEmailV3", "PUT"), "POST /SendEmailV3"),
        (calling("SendEmailV3?x=1"), None),
        (calling("/sendemailv3", "Post"), None),
        (calling("/SendEmail@{triggerBody()}"), None),
        (calling("@{triggerBody()}"), None),
        (calling("/SendEmailV4", "@{triggerBody()}"), None),
        (calling(f"{ALERTS}/{ID}", "patch", api="microsoftgraphsecurity"), None),
        (calling(f"{ALERTS}/{ID}", "delete", api="microsoftgraphsecurity"), "GET /v1.0/security/alerts/{alert-id}"),
        (calling(f"{ALERTS}s/{ID}", "get", api="microsoftgraphsecurity"), "GET /v1.0/security/alerts/{alert-id}"),
        (calling(f"/beta/security/tiIndicators/{ID}/x", api="microsoftgraphsecurity"), "POST /beta/security/"),
        (calling("/v1.0/security/tiIndicators", "get", api="microsoftgraphsecurity"), None),
        (calling(f"/v1.0/security/{ID}/submitTiIndicators", api="microsoftgraphsecurity"), None),
        (calling("/approvalmail/$subscriptions", None, api="office365", type_name="ApiConnectionWebhook"), None),
        (calling("/approvalmail", None, api="office365", type_name="ApiConnectionWebhook"), "POST /approvalmail/$"),
    ],
)
def test_a_call_that_no_operation_answers_is_a_warning_that_names_the_nearest(
    tmp_path: Path, document: dict[str, Any], nearest: str | None
) -> None:
    report = validate(Path(written(tmp_path / "w.json", {"definition": document})), {})
    found = [(each.severity, each.code, each.pointer) for each in report.findings]
    warning = ("warning", "OperationNotFound", "/definition/actions/call/inputs/path")
    assert found == ([warning] if nearest else [])
    assert all(f"The nearest is {nearest}" in each.message for each in report.findings)


def test_a_path_that_is_full_of_beginnings_of_expressions_is_not_read_over_and_over(tmp_path: Path) -> None:
    path = written(tmp_path / "w.json", calling("/x/" + "@@{uriComponent(" * 6_000))
    with effort.at_most(3):
        assert validate(Path(path), {}).findings == ()


def test_a_call_of_an_added_connector_is_held_against_its_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations = {"/tickets": {"post": {"operationId": "Open", "responses": {}}}}
    document = {"swagger": "2.0", "info": {"title": "Tickets", "version": "1"}, "paths": operations}
    written(tmp_path / "added" / "tickets" / "swagger.json", document)
    written(tmp_path / "added" / "broken" / "swagger.json", "{")
    monkeypatch.setenv("SALLYPORT_CUSTOM_CONNECTORS", str(tmp_path / "added"))
    for api, path, codes in (
        ("tickets", "/tickets", []),
        ("tickets", "/ticket", ["OperationNotFound"]),
        ("broken", "/x", []),
    ):
        report = validate(Path(written(tmp_path / "w.json", calling(path, api=api))), {})
        assert [each.code for each in report.findings] == codes


def test_a_folder_of_connectors_that_is_not_there_is_said_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALLYPORT_CUSTOM_CONNECTORS", str(tmp_path / "nowhere"))
    result = run(written(tmp_path / "w.json", SOUND))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: The connector cannot be used: ")


def test_an_expression_that_is_wrong_is_drawn_with_a_caret(tmp_path: Path) -> None:
    broken = {**SOUND, "actions": {"a": {"type": "Compose", "inputs": "@concat('a', toUper('b'))"}}}
    lines = run(written(tmp_path / "w.json", broken)).stdout.splitlines()
    assert lines[1].startswith("  error   The function 'toUper' does not exist")
    assert lines[2:] == ["          @concat('a', toUper('b'))", "                       ^"]


def test_a_definition_may_hold_numbers_of_any_size(tmp_path: Path) -> None:
    big = {**SOUND, "actions": {"a": {"type": "Compose", "inputs": 2**80}}}
    result = run("--json", written(tmp_path / "w.json", big))
    assert (result.exit_code, json.loads(result.stdout)["findings"]) == (0, [])


@pytest.mark.parametrize("files", [{}, {"host.json": {"version": "2.0"}, ".vscode/flow.json": SOUND}])
def test_a_folder_without_a_workflow_is_refused(tmp_path: Path, files: dict[str, Any]) -> None:
    for name, document in files.items():
        written(tmp_path / name, document)
    result = run(str(tmp_path))
    assert result.exit_code == 1
    assert "There is no workflow in this folder" in result.stdout
    assert "0 with errors" not in result.stderr


def template(**resource: Any) -> dict[str, Any]:
    workflow = {"type": "Microsoft.Logic/workflows", "name": "w", **resource}
    return {"$schema": "https://x/deploymentTemplate.json#", "resources": [workflow]}


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        (template(properties={}), "/resources/0/properties"),
        (template(properties={"definition": {"actions": {}}}), "/resources/0/properties/definition"),
        (
            {"definition": {**SOUND, "triggers": {"t": {"type": "Recurrence", "recurrence": {}}}}},
            "/definition/triggers/t",
        ),
    ],
)
def test_a_pointer_leads_to_something_in_the_file(tmp_path: Path, document: Any, pointer: str) -> None:
    report = validate(Path(written(tmp_path / "w.json", document)), {})
    assert {each.pointer.removesuffix("/recurrence") for each in report.findings} == {pointer}


@pytest.mark.parametrize("name", ["<PlaybookName>", "ends.", "x" * 81, "Two words"])
def test_a_name_that_no_server_would_store_is_a_warning(tmp_path: Path, name: str) -> None:
    document = template(name=name, properties={"definition": SOUND})
    report = validate(Path(written(tmp_path / "w.json", document)), {})
    assert [(each.severity, each.code, each.pointer) for each in report.findings] == [
        ("warning", "InvalidResourceName", "/resources/0")
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("[parameters('PlaybookName')]", []),
        ("[concat('Two words ', parameters('PlaybookName'))]", []),
        ("[parameters('Playbok')]", ["error"]),
    ],
)
def test_a_name_that_is_not_known_yet_is_not_called_a_wrong_one(tmp_path: Path, name: str, said: list[str]) -> None:
    document = {
        **template(name=name, properties={"definition": SOUND}),
        "parameters": {"PlaybookName": {"type": "string"}},
    }
    report = validate(Path(written(tmp_path / "w.json", document)), {})
    assert [each.severity for each in report.findings] == said
    assert "The parameter 'PlaybookName' has no value." in report.notes


def test_the_parameter_of_connections_need_not_be_declared_because_a_deployment_declares_it(tmp_path: Path) -> None:
    host = {"connection": {"name": "@parameters('$connections')['smtp']['connectionId']"}}
    mail = {"type": "ApiConnection", "inputs": {"host": host, "method": "post", "path": "/SendEmailV3"}}
    parameters = {"mine": {"type": "String", "defaultValue": "x"}}
    document = {**SOUND, "parameters": parameters, "actions": {"mail": mail}}
    assert validate(Path(written(tmp_path / "w.json", document)), {}).findings == ()


def test_a_value_that_a_template_does_not_allow_for_its_parameter_is_an_error(tmp_path: Path) -> None:
    document = {
        **template(name="w", properties={"definition": SOUND}),
        "parameters": {"Level": {"type": "string", "defaultValue": "low", "allowedValues": ["low", "high"]}},
    }
    path = written(tmp_path / "w.json", document)
    assert run(path).exit_code == 0
    values = written(tmp_path / "values.json", {"parameters": {"level": {"value": "medium"}}, "contentVersion": "1"})
    result = run(path, "--parameters", values)
    assert result.exit_code == 1
    assert "parameter 'Level' must be one of its allowedValues: low, high.  /parameters/Level" in result.stdout


def named(*names: str) -> dict[str, Any]:
    resources = [template(name=name, properties={"definition": SOUND})["resources"][0] for name in names]
    return {**template(), "resources": resources}


def test_a_name_that_another_workflow_has_too_is_a_warning(tmp_path: Path) -> None:
    written(tmp_path / "a" / "triage.json", SOUND)
    written(tmp_path / "b" / "Triage" / "workflow.json", SOUND)
    written(tmp_path / "c" / "t.json", named("other", "OTHER", "third"))
    for folder in "de":
        unknown = {**named("[parameters('Name')]"), "parameters": {"Name": {"type": "string"}}}
        written(tmp_path / folder / "t.json", unknown)
    result = run("--json", str(tmp_path), str(tmp_path / "a" / "triage.json"))
    assert result.exit_code == 0
    found = [
        (Path(report["file"]).relative_to(tmp_path).parts[0], each["code"], each["pointer"])
        for report in map(json.loads, result.stdout.splitlines())
        for each in report["findings"]
    ]
    assert found == [("b", "DuplicateName", ""), ("c", "DuplicateName", "/resources/1")]
    assert "triage.json' has the name 'Triage' too: a server would keep only one of them." in result.stdout
