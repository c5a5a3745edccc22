"""Loading: every way in which a file may wrap a workflow ends as the same thing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sallyport.arm.environment import Environment
from sallyport.arm.errors import TemplateError
from sallyport.wdl import load
from sallyport.wdl.load import NotAWorkflow, Workflow

DEFINITION: dict[str, Any] = {"triggers": {"manual": {"type": "Request"}}, "actions": {}}
CONNECTION = {"connectionId": "/c/graph", "connectionName": "graph", "id": "/apis/microsoftgraphsecurity"}
SCHEMA = "https://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#"


def loaded(document: Any, **options: Any) -> list[Workflow]:
    return load.load(json.dumps(document), name="named", **options)


def a_workflow(name: str, **more: Any) -> dict[str, Any]:
    properties = {"definition": DEFINITION, **more.pop("properties", {})}
    return {"type": "Microsoft.Logic/workflows", "name": name, "properties": properties, **more}


def a_template(*resources: Any, **sections: Any) -> dict[str, Any]:
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": list(resources), **sections}


@pytest.mark.parametrize(
    ("document", "pointer", "name"),
    [
        (DEFINITION, "", "named"),
        ({"definition": DEFINITION}, "/definition", "named"),
        ({"properties": {"definition": DEFINITION}}, "/properties/definition", "named"),
        ({"name": "w", "properties": {"definition": DEFINITION}}, "/properties/definition", "w"),
        ({"definition": {"definition": DEFINITION}}, "/definition/definition", "named"),
        (a_template(a_workflow("w")), "/resources/0/properties/definition", "w"),
        (
            {"name": "site/w", "properties": {"files": {"workflow.json": {"definition": DEFINITION}}}},
            "/properties/files/workflow.json/definition",
            "w",
        ),
    ],
)
def test_a_workflow_is_found_however_it_is_wrapped(document: Any, pointer: str, name: str) -> None:
    (workflow,) = loaded(document)
    assert workflow.document == DEFINITION
    assert (workflow.pointer, workflow.name, workflow.state) == (pointer, name, "Enabled")


def test_a_standard_workflow_keeps_its_kind() -> None:
    assert loaded({"definition": DEFINITION, "kind": "Stateless"})[0].kind == "Stateless"


def test_parameters_and_connections_are_read_from_around_the_definition() -> None:
    properties = {
        "definition": DEFINITION,
        "state": "disabled",
        "parameters": {"$connections": {"value": {"key": CONNECTION}}, "limit": {"type": "Int", "value": 3}},
    }
    (workflow,) = loaded({"properties": properties, "tags": {"a": "b"}})
    assert workflow.parameters["limit"] == 3
    assert workflow.state == "Disabled"
    assert workflow.resource == {"tags": {"a": "b"}, "properties": {"state": "disabled"}}
    connection = workflow.connections["key"]
    assert (connection.connection_id, connection.connection_name) == ("/c/graph", "graph")
    assert connection.api_id == "/apis/microsoftgraphsecurity"


def test_connection_references_of_the_newer_form_are_read() -> None:
    reference = {"connection": {"id": "/c/x"}, "connectionName": "x", "api": {"id": "/apis/x"}}
    (workflow,) = loaded({"definition": DEFINITION, "connectionReferences": {"key": reference}})
    connection = workflow.connections["key"]
    assert (connection.connection_id, connection.api_id) == ("/c/x", "/apis/x")


def test_given_parameters_are_values_of_the_workflow_when_the_file_is_not_a_template() -> None:
    (workflow,) = loaded({"definition": DEFINITION}, parameters={"parameters": {"limit": {"value": 4}}, "$schema": "x"})
    assert workflow.parameters == {"limit": 4}


def test_expressions_of_a_template_are_evaluated_and_those_of_the_workflow_are_not() -> None:
    definition = {
        **DEFINITION,
        "actions": {"[a]": {"type": "Compose", "inputs": "[concat('@{', parameters('p'), '}')]"}},
    }
    document = a_template(
        a_workflow("[parameters('p')]", properties={"definition": definition}, location="[resourceGroup().location]"),
        parameters={"p": {"type": "string"}},
    )
    (workflow,) = loaded(document, parameters={"P": "utcNow()"}, environment=Environment(location="here"))
    assert workflow.name == "utcNow()"
    assert workflow.document["actions"] == {"[a]": {"type": "Compose", "inputs": "@{utcNow()}"}}
    assert workflow.resource["location"] == "here"


def test_the_import_report_names_what_is_not_imported_and_what_has_no_value() -> None:
    document = a_template(
        a_workflow("w"),
        {"type": "Microsoft.Web/connections", "name": "graph"},
        {"type": "Microsoft.Insights/workbooks", "name": "book"},
        parameters={"p": {"type": "string"}},
    )
    (workflow,) = loaded(document)
    assert workflow.notes == [
        "The parameter 'p' has no value.",
        "The resource 'book' of the type 'Microsoft.Insights/workbooks' is not imported.",
    ]
    assert [missing.name for missing in workflow.missing] == ["p"]


def test_who_is_to_be_kept_out_by_address_is_told_not_to_be() -> None:
    control = {"triggers": {"allowedCallerIpAddresses": [{"addressRange": "10.0.0.0/8"}]}, "actions": {}}
    first, second = loaded(
        a_template(
            a_workflow("kept", properties={"definition": DEFINITION, "accessControl": control}), a_workflow("open")
        )
    )
    (note,) = first.notes
    assert note.startswith("The 'accessControl' of triggers lets only certain callers in, which is not heeded")
    assert second.notes == []


def test_a_value_that_cannot_be_evaluated_is_a_problem_of_its_workflow_only() -> None:
    broken = {**DEFINITION, "actions": {"a": {"type": "Compose", "inputs": "[nosuch('x')]"}}}
    first, second = loaded(a_template(a_workflow("one"), a_workflow("two", properties={"definition": broken})))
    assert first.problems == ()
    (problem,) = second.problems
    assert problem.pointer == "/resources/1/properties/definition/actions/a/inputs"
    assert problem.message == "The template function 'nosuch' is not known. (column 1 of the expression)"


def test_workflows_come_after_those_they_depend_on() -> None:
    parent = a_workflow("parent", dependsOn=["[resourceId('Microsoft.Logic/workflows', 'child')]"])
    middle = a_workflow("child", dependsOn=["leaf"])
    names = [workflow.name for workflow in loaded(a_template(parent, middle, a_workflow("leaf")))]
    assert names == ["leaf", "child", "parent"]


def nested(name: str, *workflows: dict[str, Any], **more: Any) -> dict[str, Any]:
    properties = {"expressionEvaluationOptions": {"scope": "inner"}, "template": a_template(*workflows)}
    return {"type": "Microsoft.Resources/deployments", "name": name, "properties": properties, **more}


def test_workflows_come_after_those_that_a_symbolic_name_a_copy_loop_or_a_deployment_stands_for() -> None:
    symbolic = {"one": a_workflow("a", dependsOn=["two"]), "two": a_workflow("b")}
    assert [each.name for each in loaded({**a_template(), "resources": symbolic})] == ["b", "a"]
    copies = a_workflow("[concat('c', copyIndex())]", copy={"name": "loop", "count": 2})
    assert [each.name for each in loaded(a_template(a_workflow("a", dependsOn=["LOOP"]), copies))] == ["c0", "c1", "a"]
    module = nested("module", a_workflow("x", dependsOn=["y"]), a_workflow("y"))
    after = a_workflow("a", dependsOn=["[resourceId('Microsoft.Resources/deployments', 'module')]"])
    assert [each.name for each in loaded(a_template(after, module))] == ["y", "x", "a"]
    later = nested("later", a_workflow("x"), dependsOn=["a"])
    assert [each.name for each in loaded(a_template(later, a_workflow("a")))] == ["a", "x"]


def test_a_circle_of_dependencies_keeps_the_order_of_the_file() -> None:
    names = [w.name for w in loaded(a_template(a_workflow("a", dependsOn=["b"]), a_workflow("b", dependsOn=["a"])))]
    assert names == ["a", "b"]


def test_a_workflow_inside_content_of_a_solution_is_found() -> None:
    inner = a_template(a_workflow("[[variables('name')]"), variables={"name": "inner"})
    content = {"type": "X/contentTemplates", "name": "t", "properties": {"mainTemplate": inner}}
    (workflow,) = loaded(a_template(content))
    assert workflow.name == "inner"
    assert workflow.pointer == "/resources/0/properties/mainTemplate/resources/0/properties/definition"


def test_values_of_running_targets_are_listed() -> None:
    uri = "[listCallbackUrl(resourceId('Microsoft.Logic/workflows/triggers', 'child', 'manual'), '2019-05-01').value]"
    caller = {**DEFINITION, "actions": {"call": {"type": "Http", "inputs": {"uri": uri}}}}
    document = a_template(a_workflow("w", properties={"definition": caller}))
    (workflow,) = loaded(document)
    (unresolved,) = workflow.unresolved
    assert unresolved.resource_id.endswith("/workflows/child/triggers/manual")
    environment = Environment(resolve_callback_url=lambda target: f"https://here{target}")
    (workflow,) = loaded(document, environment=environment)
    assert workflow.unresolved == ()


def test_a_key_that_stands_twice_is_a_note_of_the_workflow() -> None:
    (workflow,) = load.load('{"contentVersion": "1", "contentVersion": "2", "actions": {}}', name="w")
    assert workflow.document["contentVersion"] == "2"
    assert "stands twice" in workflow.notes[0]


@pytest.mark.parametrize("document", [[], 1, "text", {}, {"properties": {}}, {"definition": []}])
def test_a_file_without_a_workflow_is_refused(document: Any) -> None:
    with pytest.raises(NotAWorkflow):
        loaded(document)


def test_a_template_without_workflows_has_none() -> None:
    assert loaded(a_template({"type": "A.B/c", "name": "n"})) == []


def test_a_template_without_workflows_whose_values_are_broken_is_refused() -> None:
    with pytest.raises(TemplateError, match="nosuch"):
        loaded(a_template({"type": "A.B/c", "name": "[nosuch()]"}))


def test_a_workflow_without_a_definition_is_a_problem() -> None:
    (workflow,) = loaded(a_template({"type": "Microsoft.Logic/workflows", "name": "w", "properties": {}}))
    assert workflow.problems[0].message == "The workflow has no definition."
