"""Templates: finding resources wherever they are, evaluating values, reporting what is wrong or unknown."""

from __future__ import annotations

from typing import Any

import pytest

import effort
from sallyport.arm import declared, template
from sallyport.arm.environment import Environment
from sallyport.arm.errors import OverBudgetError, TemplateError
from sallyport.arm.scope import Report

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def a_template(*resources: dict[str, Any], **sections: Any) -> dict[str, Any]:
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": list(resources), **sections}


def found(document: dict[str, Any], **options: Any) -> list[template.Resource]:
    return list(template.resources(template.open_template(document, **options)))


def test_names_of_properties_are_never_evaluated() -> None:
    (resource,) = found(a_template({"type": "A.B/c", "name": "n", "properties": {"[concat('a')]": "[concat('a')]"}}))
    assert resource.value("properties") == {"[concat('a')]": "a"}


def test_a_value_that_cannot_be_evaluated_is_reported_and_the_rest_is_kept() -> None:
    document = a_template({"type": "A.B/c", "name": "n", "properties": {"a/b": ["[nosuch()]", "[concat('x')]"]}})
    (resource,) = found(document)
    assert resource.value("properties") == {"a/b": ["[nosuch()]", "x"]}
    (problem,) = resource.scope.report.problems
    assert problem.pointer == "/resources/0/properties/a~1b/0"
    assert "'nosuch'" in problem.message


def test_children_carry_the_type_and_name_of_their_parents() -> None:
    child = {"type": "child", "name": "c"}
    kinds = [
        (r.type, r.name, r.pointer) for r in found(a_template({"type": "A.B/p", "name": "p", "resources": [child]}))
    ]
    assert kinds == [("A.B/p", "p", "/resources/0"), ("A.B/p/child", "p/c", "/resources/0/resources/0")]


def test_a_resource_whose_condition_is_false_is_left_out_with_a_note() -> None:
    document = a_template({"type": "A.B/c", "name": "n", "condition": "[equals(1, 2)]"})
    scope = template.open_template(document)
    assert list(template.resources(scope)) == []
    assert "condition is false" in scope.report.notes[0]


@pytest.mark.parametrize(
    ("condition", "kept", "problems"),
    [
        ("[string(false())]", False, []),
        ("False", False, []),
        ("true", True, []),
        ("[reference('other').isWanted]", True, []),
        ("no", True, ["The condition of a resource must be true or false, not string."]),
        ("[add(0, 0)]", True, ["The condition of a resource must be true or false, not int."]),
        ("[nosuch()]", True, ["The template function 'nosuch' is not known."]),
    ],
)
def test_a_condition_is_true_or_false_or_a_problem(condition: Any, kept: bool, problems: list[str]) -> None:
    scope = template.open_template(a_template({"type": "A.B/c", "name": "n", "condition": condition}))
    assert len(list(template.resources(scope))) == kept
    assert [(each.message, each.pointer) for each in scope.report.problems] == [
        (problem, "/resources/0/condition") for problem in problems
    ]


def test_an_error_at_the_end_of_a_long_way_tells_only_its_last_part() -> None:
    variables: dict[str, Any] = {f"v{i}": f"[variables('v{i + 1}')]" for i in range(40)}
    document = a_template({"type": "A.B/c", "name": "n", "properties": "[variables('v0')]"}, variables=variables)
    (resource,) = found(document)
    resource.value("properties")
    (problem,) = resource.scope.report.problems
    assert problem.message.endswith("In the variable 'v39': The template variable 'v40' is not declared.")
    assert len(problem.message) < 600


def test_a_copy_loop_makes_one_resource_per_iteration() -> None:
    document = a_template(
        {"type": "A.B/c", "name": "[concat('n', copyIndex(1))]", "copy": {"name": "loop", "count": "[add(1, 1)]"}}
    )
    assert [r.name for r in found(document)] == ["n1", "n2"]


def test_a_copy_loop_over_a_property_makes_one_item_per_iteration() -> None:
    document = a_template(
        {
            "type": "A.B/c",
            "name": "n",
            "properties": {"copy": [{"name": "list", "count": 2, "input": {"i": "[copyIndex('list')]"}}], "other": 1},
        }
    )
    (resource,) = found(document)
    assert resource.value("properties") == {"other": 1, "list": [{"i": 0}, {"i": 1}]}


@pytest.mark.parametrize("count", [-1, 801, "many", True])
def test_a_copy_loop_with_an_impossible_count_is_a_problem(count: Any) -> None:
    document = a_template({"type": "A.B/c", "name": "n", "copy": {"name": "loop", "count": count}})
    scope = template.open_template(document)
    assert list(template.resources(scope)) == []
    assert scope.report.problems[0].pointer == "/resources/0/copy/count"


def test_a_nested_deployment_is_evaluated_in_the_outer_scope_unless_it_asks_for_its_own() -> None:
    def document(options: dict[str, Any]) -> dict[str, Any]:
        inner = a_template(
            {"type": "A.B/c", "name": "[variables('v')]"}, variables={"v": "[concat(parameters('p'), '!')]"}
        )
        inner["parameters"] = {"p": {"type": "string"}}
        properties = {"template": inner, "parameters": {"p": {"value": "[variables('v')]"}}, **options}
        deployment = {"type": "Microsoft.Resources/deployments", "name": "d", "properties": properties}
        return a_template(deployment, variables={"v": "outer"})

    assert found(document({}))[1].name == "outer"
    assert found(document({"expressionEvaluationOptions": {"scope": "Inner"}}))[1].name == "outer!"


def test_a_template_inside_content_loses_one_level_of_escaping_and_is_evaluated_in_its_own_scope() -> None:
    main = a_template(
        {"type": "A.B/c", "name": "[[variables('v')]", "properties": {"outer": "[variables('v')]", "kept": "[[[x]"}},
        variables={"v": "inner"},
    )
    content = {"type": "A.B/contentTemplates", "name": "t", "properties": {"mainTemplate": main}}
    resource = found(a_template(content, variables={"v": "outer"}))[1]
    assert resource.pointer == "/resources/0/properties/mainTemplate/resources/0"
    assert resource.name == "inner"
    assert resource.value("properties") == {"outer": "outer", "kept": "[x]"}


def test_resources_may_be_named_instead_of_listed() -> None:
    document = a_template()
    document["resources"] = {"first": {"type": "A.B/c", "name": "n"}}
    assert [(r.name, r.pointer) for r in found(document)] == [("n", "/resources/first")]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("string", ""), ("securestring", ""), ("int", 0), ("bool", False), ("array", []), ("object", {})],
)
def test_a_parameter_without_a_value_is_neutral_and_reported(kind: str, value: Any) -> None:
    document = a_template(
        {"type": "A.B/c", "name": "n", "properties": "[parameters('p')]"},
        parameters={"p": {"type": kind, "metadata": {"description": "what it is for"}}},
    )
    (resource,) = found(document)
    assert resource.value("properties") == value
    report = resource.scope.report
    assert report.notes == ["The parameter 'p' has no value."]
    assert (report.missing[0].name, report.missing[0].description) == ("p", "what it is for")


def test_the_first_allowed_value_stands_for_a_parameter_without_one() -> None:
    document = a_template(
        {"type": "A.B/c", "name": "n", "properties": "[parameters('p')]"},
        parameters={"p": {"type": "string", "allowedValues": ["Day", "Week"]}},
    )
    assert found(document)[0].value("properties") == "Day"


def test_the_value_of_a_secure_parameter_is_in_no_message() -> None:
    document = a_template(
        {"type": "A.B/c", "name": "n", "properties": ["[int(parameters('p'))]", "[json(parameters('p'))]"]},
        parameters={"p": {"type": "securestring"}},
    )
    (resource,) = found(document, parameters={"p": "hunter2"})
    resource.value("properties")
    assert len(resource.scope.report.problems) == 2
    assert "hunter2" not in repr([problem.message for problem in resource.scope.report.problems])


def test_a_running_target_is_asked_when_the_environment_can() -> None:
    environment = Environment(
        resolve_callback_url=lambda target: f"https://here/{target}",
        resolve_reference=lambda target: {"endpoint": f"of {target}"} if target == "known" else None,
    )
    document = a_template(
        {
            "type": "A.B/c",
            "name": "n",
            "properties": [
                "[listCallbackUrl('t', '1').value]",
                "[reference('known').endpoint]",
                "[reference('new').endpoint]",
            ],
        }
    )
    (resource,) = found(document, environment=environment)
    assert resource.value("properties") == [
        "https://here/t",
        "of known",
        "https://sallyport.invalid/reference/new#endpoint",
    ]
    (unresolved,) = resource.scope.report.unresolved
    assert (unresolved.function, unresolved.resource_id) == ("reference", "new")


def test_a_chain_of_variables_that_doubles_is_stopped_before_it_fills_the_memory() -> None:
    variables: dict[str, Any] = {"v0": ["x"]}
    variables |= {f"v{i}": f"[createArray(variables('v{i - 1}'), variables('v{i - 1}'))]" for i in range(1, 60)}
    document = a_template({"type": "A.B/c", "name": "n", "properties": "[variables('v59')]"}, variables=variables)
    (resource,) = found(document)
    with pytest.raises(OverBudgetError):
        resource.value("properties")


def test_a_very_long_chain_of_variables_is_a_problem_and_not_a_crash() -> None:
    variables = {f"v{i}": f"[variables('v{i + 1}')]" for i in range(2000)}
    document = a_template({"type": "A.B/c", "name": "n", "properties": "[variables('v0')]"}, variables=variables)
    (resource,) = found(document)
    resource.value("properties")
    assert "too many variables" in resource.scope.report.problems[0].message


def test_copies_of_copies_are_stopped() -> None:
    copy = {"name": "loop", "count": 800}
    children = [{"type": "c", "name": "c", "copy": {"name": "inner", "count": 800}}]
    document = a_template({"type": "A.B/c", "name": "n", "copy": copy, "resources": children})
    with pytest.raises(OverBudgetError):
        found(document)


def test_templates_inside_templates_without_end_are_refused() -> None:
    document = a_template({"type": "A.B/c", "name": "n"})
    for _ in range(8):
        document = a_template(
            {"type": "Microsoft.Resources/deployments", "name": "d", "properties": {"template": document}}
        )
    with pytest.raises(TemplateError, match="nested more than"):
        found(document)


def test_parameter_files_and_plain_values_give_the_same_values() -> None:
    plain = {"a": 1}
    assert template.parameter_values({"a": {"value": 1}}) == plain
    assert template.parameter_values({"$schema": "x", "parameters": {"a": {"value": 1}}}) == plain
    assert template.parameter_values({**plain, "secret": {"reference": {"keyVault": {}}}}) == plain


def test_a_resource_that_exists_already_is_only_referred_to() -> None:
    scope = template.open_template(
        {**a_template(), "resources": {"there": {"existing": True, "type": "A.B/c", "name": "n"}}}
    )
    assert list(template.resources(scope)) == []
    assert "exists already" in scope.report.notes[0]


def test_a_parameter_that_may_be_null_needs_no_value() -> None:
    scope = template.open_template(a_template(parameters={"p": {"type": "string", "nullable": True}}))
    assert (scope.parameter("p"), scope.report.missing) == (None, [])


@pytest.mark.parametrize(
    "expression",
    [
        "[contains(variables('numbers'), 'x')]",
        "[length(intersection(variables('numbers'), variables('numbers')))]",
        "[equals(variables('deep'), variables('deep'))]",
        "[length(string(variables('deep')))]",
        "[contains(variables('long').text, 'y')]",
        "[variables('names').all.v9999]",
        "[parameters('v9999')]",
        "[variables('copied')]",
    ],
)
def test_what_a_template_looks_at_is_bounded_however_short_the_answers_are(expression: str) -> None:
    variables = {
        "numbers": "[range(0, 10000)]",
        "deep": "[createArray(variables('deep1'), variables('deep1'))]",
        **{f"deep{i}": f"[createArray(variables('deep{i + 1}'), variables('deep{i + 1}'))]" for i in range(1, 12)},
        "deep12": "x",
        "long": {"text": "[padLeft('', 1000000, 'x')]"},
        "names": {"all": {f"V{i}": i for i in range(10_000)}},
        "copy": [*[{"name": "other"}] * 10_000, {"name": "copied", "count": 1, "input": 1}],
    }
    parameters = {f"V{i}": {"type": "int", "defaultValue": 1} for i in range(10_000)}
    raw = {"type": "A.B/c", "name": "n", "properties": [expression] * 10_000}
    (resource,) = found(a_template(raw, variables=variables, parameters=parameters))
    with effort.at_most(8), pytest.raises(OverBudgetError):
        resource.value("properties")


def test_a_template_that_has_much_to_say_is_read_in_time_that_grows_with_it_alone() -> None:
    parameters = {f"p{i}": {"type": "string"} for i in range(20_000)}
    targets = [f"[reference('{i}', '2020-01-01').a]" for i in range(20_000)]
    document = a_template({"type": "A.B/c", "name": "n", "properties": targets}, parameters=parameters)
    with effort.at_most(8):
        (resource,) = found(document)
        resource.value("properties")
    report = resource.scope.report
    assert (len(report.notes), len(report.unresolved)) == (40_000, 20_000)


LEVEL = {"type": "String", "allowedValues": ["low", "high"]}
SECRET = {"type": "secureString", "allowedValues": ["hunter2"]}


@pytest.mark.parametrize(
    ("declaration", "given", "said"),
    [
        (
            {"type": "int", "defaultValue": "5"},
            {},
            "The default value of the template parameter 'p' must be an integer.",
        ),
        ({"type": "int", "defaultValue": 10**400}, {}, ""),
        ({"type": "int", "defaultValue": 5}, {"P": "5"}, "The value of the template parameter 'p' must be an integer."),
        ({"type": "int", "defaultValue": "5"}, {"p": 5}, ""),
        ({"type": "bool", "defaultValue": "true"}, {}, "must be true or false."),
        ({"type": "int", "defaultValue": True}, {}, "must be an integer."),
        ({"type": "array", "defaultValue": {}}, {}, "must be an array."),
        ({"type": "object", "defaultValue": []}, {}, "must be an object."),
        ({"type": "string", "defaultValue": 5}, {}, "must be a string."),
        ({"type": "string", "defaultValue": None}, {}, ""),
        ({"type": "string", "defaultValue": "[resourceGroup().location]", "allowedValues": ["westeurope"]}, {}, ""),
        ({**LEVEL, "defaultValue": "medium"}, {}, "must be one of its allowedValues: low, high."),
        ({**LEVEL, "defaultValue": "High"}, {}, ""),
        (LEVEL, {}, ""),
        (LEVEL, {"p": "medium"}, "must be one of its allowedValues: low, high."),
        (SECRET, {"p": "guess"}, "The value of the template parameter 'p' must be one of its allowedValues."),
        ({"type": "array", "allowedValues": ["a", "b"], "defaultValue": ["b", "a"]}, {}, ""),
        ({"type": "array", "allowedValues": ["a", "b"], "defaultValue": ["c"]}, {}, "allowedValues: a, b."),
        ({"type": "int", "minValue": 1, "maxValue": 9}, {"p": 0}, "must be at least 1."),
        ({"type": "int", "minValue": 1, "maxValue": 9}, {"p": 10}, "must be at most 9."),
        ({"type": "int", "minValue": 1, "maxValue": 9}, {"p": 9}, ""),
        ({"type": "int", "minValue": "4", "maxValue": True}, {"p": 3}, ""),
        ({"type": "string", "minLength": 3}, {"p": "ab"}, "must have a length of at least 3."),
        ({"type": "securestring", "maxLength": 3}, {"p": "abcd"}, "must have a length of at most 3."),
        ({"type": "array", "maxLength": 1}, {"p": [1, 2]}, "must have a length of at most 1."),
        ({"type": "strng"}, {}, "The template parameter 'p' has the type 'strng'; the types are: array, bool, int,"),
        ({"$ref": "#/definitions/mine"}, {"p": 1}, ""),
    ],
)
def test_the_value_of_a_parameter_keeps_to_its_declaration(
    declaration: dict[str, Any], given: dict[str, Any], said: str
) -> None:
    report = Report()
    declared.check({"parameters": {"p": declaration}}, given, report)
    assert [problem.message for problem in report.problems if said and said in problem.message] == [
        problem.message for problem in report.problems
    ]
    assert bool(report.problems) == bool(said)


def test_the_parameters_of_a_template_inside_a_template_are_judged_where_they_stand() -> None:
    inner = a_template(parameters={"n/m": {"type": "int", "defaultValue": "x"}, "o": {"type": "bool"}})
    properties = {
        "template": inner,
        "parameters": {"o": {"value": "[parameters('nosuch')]"}},
        "expressionEvaluationOptions": {"scope": "Inner"},
    }
    deployment = {"type": "Microsoft.Resources/deployments", "name": "d", "properties": properties}
    content = {"type": "A.B/contentTemplates", "name": "c", "properties": {"mainTemplate": inner}}
    scope = template.open_template(a_template(deployment, content))
    assert len(list(template.resources(scope))) == 2
    wrong = [problem.pointer for problem in scope.report.problems if "must be an integer" in problem.message]
    assert wrong == [
        "/resources/0/properties/template/parameters/n~1m/defaultValue",
        "/resources/1/properties/mainTemplate/parameters/n~1m/defaultValue",
    ]
