"""azure-mgmt-logic from PyPI, unmodified, over https: each operation that is served, and what is said of the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.logic import LogicManagementClient, models

import processes
from acceptance import sdk

HERE = ("any-group", "asked")
SCHEMA = {
    "title": "Question",
    "type": "object",
    "properties": {"who": {"$ref": "#/definitions/person"}},
    "definitions": {"person": {"type": "string"}},
}
TRIGGERS = {
    "manual": {"type": "Request", "kind": "Http", "inputs": {"schema": SCHEMA}},
    "tick": {
        "type": "Recurrence",
        "recurrence": {"frequency": "Day", "interval": "@parameters('days')", "startTime": "2060-01-01T00:00:00Z"},
    },
}
INNER = {"Within": {"type": "Foreach", "foreach": ["a"], "actions": {"Said": {"type": "Compose", "inputs": "@item()"}}}}
ACTIONS = {
    "Each": {"type": "Foreach", "foreach": [1, 2], "actions": INNER},
    "Refused": {"type": "Terminate", "inputs": {"runStatus": "Failed"}, "runAfter": {"Each": ["Succeeded"]}},
}
DEFINITION = {
    "parameters": {"days": {"type": "Int", "defaultValue": 7}},
    "triggers": TRIGGERS,
    "actions": ACTIONS,
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sdk.Sdk]:
    with sdk.running(tmp_path_factory.mktemp("logic")) as started:
        yield sdk.registered(started.server, "Logic", "LogicApps.ReadWrite.All")


@pytest.fixture(scope="module")
def logic(app: sdk.Sdk) -> Iterator[Any]:
    """The SDK's client, with one workflow that has run once."""
    trusted = str(app.server.authority_file)
    scopes = ["https://management.azure.com/.default"]
    told = {"base_url": app.host, "credential_scopes": scopes, "connection_verify": trusted, "retry_total": 0}
    with app.credential as credential, LogicManagementClient(credential, "some-subscription", **told) as client:
        client.workflows.create_or_update(*HERE, models.Workflow(location="local", definition=DEFINITION))
        client.workflow_triggers.run(*HERE, "manual")
        processes.until(lambda: ended(client), "the end of the run")
        yield client


def ended(logic: Any) -> list[Any]:
    return list(logic.workflow_runs.list(*HERE, filter="status eq 'Failed'"))


@pytest.fixture
def run(logic: Any) -> str:
    """The name of the oldest run."""
    return str(ended(logic)[-1].name)


def test_a_workflow_that_is_read_can_be_saved_and_validated_as_it_was_read(logic: Any) -> None:
    read = logic.workflows.get(*HERE)
    assert (read.name, read.state, read.definition) == ("asked", "Enabled", DEFINITION)
    logic.workflows.validate_by_resource_group(*HERE, read)
    logic.workflows.validate_by_location("any-group", "local", "asked", read)
    assert logic.workflows.create_or_update(*HERE, read).version == read.version
    assert logic.workflows.update(*HERE).version == read.version
    for listed in (logic.workflows.list_by_subscription(top=1), logic.workflows.list_by_resource_group("any-group")):
        assert [each.name for each in listed] == ["asked"]
    assert [each.name for each in logic.workflow_versions.list(*HERE)] == [read.version]
    assert logic.workflow_versions.get(*HERE, read.version).definition == DEFINITION


def test_triggers_are_read_with_their_histories(logic: Any, run: str) -> None:
    manual, tick = logic.workflow_triggers.list(*HERE)
    assert (manual.next_execution_time, manual.recurrence) == (None, None)
    assert manual.last_execution_time <= datetime.now(UTC)
    assert (tick.recurrence.frequency, tick.recurrence.interval) == ("Day", 7)
    assert tick.next_execution_time == datetime(2060, 1, 1, tzinfo=UTC)
    assert logic.workflow_triggers.get(*HERE, "tick").next_execution_time == tick.next_execution_time
    history = logic.workflow_trigger_histories.get(*HERE, "manual", run)
    assert (history.fired, history.run.name) == (True, run)
    assert history.correlation.client_tracking_id == run
    assert history.outputs_link.content_size > 0
    assert run in [each.name for each in logic.workflow_trigger_histories.list(*HERE, "manual", top=1)]


def test_runs_are_read_down_to_the_innermost_repetition(logic: Any, run: str) -> None:
    assert logic.workflow_runs.get(*HERE, run).status == "Failed"
    assert [each.name for each in logic.workflow_run_actions.list(*HERE, run, top=1)] == ["Each", "Refused"]
    assert logic.workflow_run_actions.get(*HERE, run, "Each").status == "Succeeded"
    said = list(logic.workflow_run_action_repetitions.list(*HERE, run, "Said"))
    assert [each.name for each in said] == ["000000-000000", "000001-000000"]
    one = logic.workflow_run_action_repetitions.get(*HERE, run, "Said", "000001-000000")
    assert [(each.scope_name, each.item_index) for each in one.repetition_indexes] == [("Each", 1), ("Within", 0)]
    iterations = list(logic.workflow_run_action_scope_repetitions.list(*HERE, run, "Each"))
    assert [each.repetition_indexes[-1].item_index for each in iterations] == [0, 1]
    assert logic.workflow_run_action_scope_repetitions.get(*HERE, run, "Each", "000001").name == "000001"
    with pytest.raises(ResourceExistsError) as refused:
        logic.workflow_runs.cancel(*HERE, run)
    assert refused.value.error.code == "WorkflowRunHasEnded"


def test_whoever_asks_for_an_address_can_call_it_until_it_expires(app: sdk.Sdk, logic: Any) -> None:
    later = models.GetCallbackUrlParameters(not_after=datetime(2100, 1, 1, tzinfo=UTC), key_type="Primary")
    for found in (
        logic.workflow_triggers.list_callback_url(*HERE, "manual"),
        logic.workflows.list_callback_url(*HERE, later),
    ):
        assert found.method == "POST"
        with app.http() as client:
            answered = client.post(found.value, json={}, headers={"Authorization": ""})
        assert answered.status_code == 202, answered.text
    assert found.queries.se.startswith("2100-01-01")
    logic.workflows.regenerate_access_key(*HERE, models.RegenerateActionParameter(key_type="Primary"))
    with app.http() as client:
        assert client.post(found.value, json={}).status_code == 401


def test_what_a_trigger_takes_is_told_as_a_schema(logic: Any) -> None:
    found = logic.workflow_triggers.get_schema_json(*HERE, "manual")
    assert (found.title, json.loads(found.content)) == ("Question", SCHEMA)


def test_a_workflow_is_described_so_that_it_can_be_called(app: sdk.Sdk, logic: Any) -> None:
    described = logic.workflows.list_swagger(*HERE)
    ((path, operations),) = described["paths"].items()
    (body,) = [each for each in operations["post"]["parameters"] if each["in"] == "body"]
    assert body["schema"]["properties"] == SCHEMA["properties"]
    assert described["definitions"] == SCHEMA["definitions"]
    asked = {each["name"]: each.get("default") for each in operations["post"]["parameters"] if each["in"] == "query"}
    assert asked.pop("sig") is None
    signature = logic.workflows.list_callback_url(*HERE, models.GetCallbackUrlParameters()).queries.sig
    url = f"{described['schemes'][0]}://{described['host']}{described['basePath']}{path}"
    with app.http() as client:
        assert client.post(url, params={**asked, "sig": signature}, json={}).status_code == 202


def test_the_operations_are_those_that_roles_name(logic: Any) -> None:
    names = {each.name for each in logic.operations.list()}
    assert {
        "Microsoft.Logic/workflows/read",
        "Microsoft.Logic/workflows/write",
        "Microsoft.Logic/workflows/delete",
        "Microsoft.Logic/workflows/runs/cancel/action",
        "Microsoft.Logic/workflows/triggers/histories/resubmit/action",
        "Microsoft.Logic/locations/workflows/validate/action",
    } <= names
    assert all(name.startswith("Microsoft.Logic/") for name in names)


def test_a_run_is_started_again_unless_the_workflow_is_disabled(logic: Any, run: str) -> None:
    logic.workflow_trigger_histories.resubmit(*HERE, "manual", run)
    logic.workflows.disable(*HERE)
    assert logic.workflows.get(*HERE).state == "Disabled"
    with pytest.raises(ResourceExistsError) as refused:
        logic.workflow_trigger_histories.resubmit(*HERE, "manual", run)
    assert refused.value.error.code == "WorkflowTriggerIsNotEnabled"
    logic.workflows.enable(*HERE)
    logic.workflow_triggers.reset(*HERE, "tick")


def not_served(logic: Any, run: str) -> list[Callable[[], Any]]:
    upgraded = models.GenerateUpgradedDefinitionParameters(target_schema_version="2016-06-01")
    state = models.SetTriggerStateActionDefinition(source=models.WorkflowTriggerReference())
    repeated = (*HERE, run, "Said", "000000-000000")
    return [
        lambda: list(logic.workflow_run_action_request_histories.list(*HERE, run, "Each")),
        lambda: list(logic.workflow_run_action_repetitions_request_histories.list(*repeated)),
        lambda: list(logic.workflow_run_actions.list_expression_traces(*HERE, run, "Each")),
        lambda: list(logic.workflow_run_action_repetitions.list_expression_traces(*repeated)),
        lambda: logic.workflow_run_operations.get(*HERE, run, "some"),
        lambda: logic.workflow_triggers.set_state(*HERE, "manual", state),
        lambda: logic.workflow_version_triggers.list_callback_url(*HERE, "1", "manual"),
        lambda: logic.workflows.begin_move(*HERE, models.WorkflowReference()),
        lambda: logic.workflows.generate_upgraded_definition(*HERE, upgraded),
        lambda: list(logic.integration_accounts.list_by_subscription()),
        lambda: list(logic.integration_service_environments.list_by_subscription()),
    ]


def test_what_is_not_served_is_told_in_a_sentence(logic: Any, run: str) -> None:
    for ask in not_served(logic, run):
        with pytest.raises(ResourceNotFoundError) as missing:
            ask()
        assert missing.value.error.code == "ResourceNotFound"
        assert missing.value.error.message.startswith("There is nothing at the path")


def test_what_is_missing_or_cannot_be_called_is_told_by_its_code(logic: Any) -> None:
    with pytest.raises(ResourceNotFoundError) as missing:
        logic.workflows.get("any-group", "nothing")
    assert missing.value.error.code == "WorkflowNotFound"
    for ask in (logic.workflow_triggers.list_callback_url, logic.workflow_triggers.get_schema_json):
        with pytest.raises(HttpResponseError) as refused:
            ask(*HERE, "tick")
        assert (refused.value.status_code, refused.value.error.code) == (400, "TriggerRequestTypeInvalid")
    timed = {"triggers": {"tick": TRIGGERS["tick"]}, "parameters": DEFINITION["parameters"], "actions": {}}
    logic.workflows.create_or_update("any-group", "timed", models.Workflow(location="local", definition=timed))
    with pytest.raises(HttpResponseError) as refused:
        logic.workflows.list_swagger("any-group", "timed")
    assert (refused.value.status_code, refused.value.error.code) == (400, "TriggerRequestTypeInvalid")
    logic.workflows.delete("any-group", "timed")
    logic.workflows.delete("any-group", "timed")
