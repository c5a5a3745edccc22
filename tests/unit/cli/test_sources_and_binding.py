from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sallyport.cli import binding, deploy, sources
from sallyport.cli.sources import Given, Source, Unusable

MAIL = {
    "host": {"connection": {"name": "@parameters('$connections')['office365_1']['connectionId']"}},
    "method": "post",
    "path": "/v2/Mail",
}
DEFINITION: dict[str, Any] = {
    "parameters": {"Count": {"type": "Int", "defaultValue": 1}, "To": {"type": "String"}},
    "triggers": {"manual": {"type": "Request", "inputs": {}}},
    "actions": {"Mail": {"type": "ApiConnection", "inputs": MAIL, "runAfter": {}}},
}
TEMPLATE: dict[str, Any] = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "parameters": {
        "Name": {"type": "string", "metadata": {"description": "What it is called."}},
        "Places": {"type": "array", "defaultValue": []},
    },
    "resources": [
        {
            "type": "Microsoft.Logic/workflows",
            "name": "[parameters('Name')]",
            "properties": {
                "definition": {"triggers": {}, "actions": {}},
                "parameters": {"$connections": {"value": {"graph": {"id": "/x/managedApis/MicrosoftGraphSecurity"}}}},
            },
        }
    ],
}


def written(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def source(path: Path, document: Any = None) -> Source:
    return sources.read(written(path, DEFINITION if document is None else document))


def test_a_workflow_json_is_named_after_its_folder_and_takes_the_values_beside_it(tmp_path: Path) -> None:
    written(tmp_path / "digest" / "parameters.json", {"To": {"type": "String", "value": "soc@contoso.com"}})
    written(tmp_path / "digest" / "connections.json", {"office365_1": "smtp"})
    found = source(tmp_path / "digest" / "workflow.json")
    (workflow,) = found.workflows(Given())
    assert (workflow.name, workflow.parameters) == ("digest", {"To": "soc@contoso.com"})
    bound = binding.connections(workflow, found, Given())
    assert str(bound["office365_1"]["id"]).endswith("/managedApis/smtp")  # type: ignore[index, call-overload]


def test_a_standard_project_keeps_its_values_at_its_root(tmp_path: Path) -> None:
    written(tmp_path / "host.json", {})
    written(tmp_path / "parameters.json", {"Count": {"type": "Int", "value": 7}})
    (workflow,) = source(tmp_path / "flow" / "workflow.json").workflows(Given())
    assert workflow.parameters == {"Count": 7}


def test_a_standard_workflow_has_the_parameters_that_its_project_declares(tmp_path: Path) -> None:
    written(tmp_path / "host.json", {})
    beside = {
        "Url": {"type": "String", "value": "@appsetting('Url')"},
        "Key": {"type": "SecureString", "value": "secret"},
        "count": {"type": "String", "value": "7"},
        "untyped": {"value": 1},
    }
    written(tmp_path / "parameters.json", beside)
    found = source(tmp_path / "flow" / "workflow.json", {"definition": DEFINITION, "kind": "Stateful"})
    (workflow,) = found.workflows(Given())
    assert workflow.document["parameters"] == {
        **DEFINITION["parameters"],
        "Url": {"type": "String"},
        "Key": {"type": "SecureString"},
    }
    stored = binding.resource(workflow, found, Given())["properties"]
    assert stored["parameters"]["Url"] == {"value": "@appsetting('Url')"}
    (given,) = found.workflows(Given(settings={"url": "https://x"}))
    assert given.parameters["Url"] == "https://x"


def test_a_folder_gives_the_files_below_it_that_hold_workflows(tmp_path: Path) -> None:
    written(tmp_path / "a" / "workflow.json", DEFINITION)
    written(tmp_path / "a" / "mocks.json", [])
    written(tmp_path / "b" / "azuredeploy.json", TEMPLATE)
    written(tmp_path / "b" / "azuredeploy.parameters.json", {"parameters": {}})
    assert [each.name for each in sources.find([tmp_path])] == ["a", "azuredeploy"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(Unusable, match="no workflow in the folder"):
        sources.find([tmp_path / "empty"])


def test_settings_are_texts_or_json_as_the_declared_type_says(tmp_path: Path) -> None:
    found = source(tmp_path / "w.json")
    (workflow,) = found.workflows(Given(settings={"count": "12", "TO": "34"}, parameters={"Elsewhere": 1}))
    assert workflow.parameters == {"Count": 12, "To": "34"}
    with pytest.raises(Unusable, match="must be of the type int"):
        found.workflows(Given(settings={"Count": "many"}))


def test_a_setting_that_nothing_declares_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match=r"no parameter 'Cuont' to set\. The parameters: Count, To\."):
        sources.check_settings([source(tmp_path / "w.json")], Given(settings={"Cuont": "1"}))


def test_a_value_in_a_parameter_file_that_nothing_declares_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [source(tmp_path / "w.json")]
    deploy.check(found, Given(parameters={"count": 1, "Recipiant": "soc@example.com", "$connections": {}}))
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "note: The parameter file has a value for 'Recipiant', which nothing that is read here declares."
    ]


def test_a_pair_without_an_equals_sign_is_refused() -> None:
    assert sources.settings(["a=b=c", "d="], "--set") == {"a": "b=c", "d": ""}
    with pytest.raises(Unusable, match="'nothing' is not of the form name=value"):
        sources.settings(["nothing"], "--set")


def test_missing_values_are_demanded_with_what_is_known_of_them(tmp_path: Path) -> None:
    found = source(tmp_path / "t.json", TEMPLATE)
    with pytest.raises(Unusable) as caught:
        binding.demand(found, found.workflows(Given()))
    assert "Name (string): What it is called." in caught.value.message
    assert "--set Name=" in caught.value.message
    binding.demand(found, found.workflows(Given(settings={"Name": "x"})))
    plain = source(tmp_path / "w.json")
    with pytest.raises(Unusable, match=r"To \(String\)"):
        binding.demand(plain, plain.workflows(Given()))


def test_a_template_becomes_the_body_of_a_workflow_with_its_connections_bound(tmp_path: Path) -> None:
    found = source(tmp_path / "t.json", TEMPLATE)
    given = Given(settings={"Name": "playbook"}, disabled=True)
    (workflow,) = found.workflows(given)
    assert workflow.name == "playbook"
    properties = binding.resource(workflow, found, given)["properties"]
    assert properties["state"] == "Disabled"
    assert properties["definition"]["parameters"]["$connections"] == {"type": "Object", "defaultValue": {}}
    entry = properties["parameters"]["$connections"]["value"]["graph"]
    assert entry["id"].endswith("/locations/local/managedApis/microsoftgraphsecurity")
    assert entry["connectionId"].endswith("/connections/graph")


def test_a_connection_that_is_only_named_is_bound_by_its_key_or_as_the_command_line_says(tmp_path: Path) -> None:
    found = source(tmp_path / "w.json")
    (workflow,) = found.workflows(Given())
    assert binding.connections(workflow, found, Given())["office365_1"]["id"].endswith("/office365")  # type: ignore[index, call-overload, union-attr]
    given = Given(connections={"office365_1": "smtp"})
    assert binding.connections(workflow, found, given)["office365_1"]["id"].endswith("/smtp")  # type: ignore[index, call-overload, union-attr]
    with pytest.raises(Unusable, match=r"no connection 'nobody'\. Its connections: office365_1\."):
        binding.connections(workflow, found, Given(connections={"nobody": "smtp"}))


def test_a_folder_gives_every_form_of_workflow_that_a_named_file_may_have(tmp_path: Path) -> None:
    definition = {"triggers": {"manual": {"type": "Request"}}}
    written(tmp_path / "triggers.json", definition)
    written(tmp_path / "files.json", {"properties": {"files": {"workflow.json": {"definition": definition}}}})
    written(tmp_path / "host.json", {"version": "2.0"})
    assert [each.name for each in sources.find([tmp_path])] == ["files", "triggers"]
