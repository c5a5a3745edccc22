"""Static checks, by a table of definitions and what is found in them; limits at and above their value."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest

import effort
from sallyport.actions import ACTIONS, json_schema
from sallyport.wdl import check, definition, operation_types
from sallyport.wdl.checks import demands, timing
from sallyport.wdl.findings import Finding, Limits
from workplace import CASES

CASE_LIST = json.loads((CASES / "definitions" / "findings.json").read_text(encoding="utf-8"))
TRIGGERS: dict[str, Any] = {"manual": {"type": "Request"}}
COMPOSE = {"type": "Compose", "inputs": 1}


def findings(document: dict[str, Any], kind: str | None = None, **limits: int) -> list[Finding]:
    return check.check(
        definition.parse({"triggers": TRIGGERS, **document}, kind=kind),
        action_types=operation_types.ACTIONS.keys() - {"liquid"},
        trigger_types=operation_types.TRIGGERS.keys() - {"serviceprovider"},
        limits=Limits(**limits),
        supplied={"given": 7, "Count": 3, "colour": "green"},
    )


@pytest.mark.parametrize("case", CASE_LIST, ids=lambda case: case["name"])
def test_a_definition_has_the_findings_that_the_table_gives(case: dict[str, Any]) -> None:
    found = findings(case["definition"], case.get("kind"))
    assert [[each.severity, each.code, each.pointer] for each in found] == case["findings"], found
    assert all(each.message.endswith(".") for each in found)


def nested(depth: int) -> dict[str, Any]:
    actions: dict[str, Any] = {"leaf": COMPOSE}
    for level in range(depth):
        actions = {f"scope {level}": {"type": "Scope", "actions": actions}}
    return {"actions": actions}


LIMITS: dict[str, Any] = {
    "actions": lambda count: {"actions": {f"a{i}": COMPOSE for i in range(count)}},
    "nesting": nested,
    "triggers": lambda count: {"triggers": {f"t{i}": {"type": "Request"} for i in range(count)}},
    "switch_cases": lambda count: {
        "actions": {"s": {"type": "Switch", "expression": 1, "cases": {f"c{i}": {"case": i} for i in range(count)}}}
    },
    "variables": lambda count: {
        "actions": {
            "i": {
                "type": "InitializeVariable",
                "inputs": {"variables": [{"name": f"v{i}", "type": "Integer"} for i in range(count)]},
            }
        }
    },
    "name_characters": lambda count: {"actions": {"a" * count: COMPOSE}},
    "description_characters": lambda count: {"actions": {"a": {**COMPOSE, "description": "d" * count}}},
    "tracked_properties_characters": lambda count: {
        "actions": {"a": {**COMPOSE, "trackedProperties": {"k": "v" * (count - len('{"k":""}'))}}}
    },
    "parameters": lambda count: {
        "parameters": {f"p{i}": {"type": "Int", "defaultValue": 1} for i in range(count)},
    },
    "outputs": lambda count: {"outputs": {f"o{i}": {"type": "Int", "value": 1} for i in range(count)}},
    "until_iterations": lambda count: {
        "actions": {"u": {"type": "Until", "expression": "@equals(1, 1)", "limit": {"count": count}}}
    },
    "foreach_concurrency": lambda count: {
        "actions": {
            "f": {
                "type": "Foreach",
                "foreach": [],
                "runtimeConfiguration": {"concurrency": {"repetitions": count}},
            }
        }
    },
}


@pytest.mark.parametrize(("part", "demanded"), [("actions", demands.ACTIONS), ("triggers", demands.TRIGGERS)])
def test_what_a_definition_is_refused_without_is_called_required_in_the_manifest(
    part: str, demanded: dict[str, tuple[str, ...]]
) -> None:
    for type_name, members in demanded.items():
        manifest = json.loads((resources.files("sallyport") / part / "manifests" / f"{type_name}.json").read_text())
        assert set(members) <= set(manifest["inputs"]["required"]), type_name


@pytest.mark.parametrize("type_name", [*demands.ACTIONS, *demands.KINDS])
@pytest.mark.parametrize("inputs", [{}, None, "@json('{}')"])
def test_inputs_are_refused_without_what_they_need_unless_an_expression_makes_them(type_name: str, inputs: Any) -> None:
    kind = {"type": "Expression", "kind": type_name} if type_name in demands.KINDS else {"type": type_name}
    found = findings({"actions": {"a": {**kind, "inputs": inputs}}})
    members = {**demands.ACTIONS, **demands.KINDS}[type_name] if not isinstance(inputs, str) else ()
    missing = [each for each in found if each.severity == "error" and "have no" in each.message]
    assert [each.pointer for each in missing] == ["/actions/a/inputs"] * bool(members)
    assert all(f"'{member}'" in missing[0].message for member in members)


def parsing(schema: Any) -> dict[str, Any]:
    return {"actions": {"p": {"type": "ParseJson", "inputs": {"content": "@triggerBody()", "schema": schema}}}}


@pytest.mark.parametrize(
    ("schema", "content", "pointer", "said"),
    [
        ("object", 1, "", "a schema is an object or a boolean."),
        ({"type": "strng"}, 1, "/type", "'strng' is not a type. Did you mean 'string'?"),
        ({"type": ["nul", "string"]}, 1, "/type", "'nul' is not a type."),
        ({"properties": {"a/b": {"type": "int"}}}, {"a/b": 1}, "/properties/a~1b/type", "'int' is not a type."),
        ({"properties": ["a"]}, {}, "/properties", "'properties' is an object of schemas."),
        ({"properties": {"a": "string"}}, {"a": 1}, "/properties/a", "a schema is an object or a boolean."),
        ({"items": {"required": "a"}}, [{}], "/items/required", "'required' is an array of the names of properties."),
        ({"items": [{"enum": 1}]}, [1], "/items/0/enum", "'enum' is an array."),
        ({"anyOf": {}}, 1, "/anyOf", "'anyOf' is an array of schemas."),
        ({"oneOf": [1]}, 1, "/oneOf/0", "a schema is an object or a boolean."),
        ({"maxLength": -1}, "a", "/maxLength", "'maxLength' is a whole number of 0 or more."),
        ({"minItems": 1.5}, [], "/minItems", "'minItems' is a whole number of 0 or more."),
        ({"maximum": "9"}, 1, "/maximum", "'maximum' is a number."),
        ({"multipleOf": 0}, 1, "/multipleOf", "'multipleOf' is a number greater than 0."),
        ({"pattern": "("}, "a", "/pattern", "'pattern' is a regular expression."),
        ({"patternProperties": {"(": {}}}, {"a": 1}, "/patternProperties/(", "'(' is not a regular expression."),
        ({"additionalProperties": 1}, {"a": 1}, "/additionalProperties", "a schema is an object or a boolean."),
        ({"not": {"$ref": "#/definitions/a"}}, 1, "/not/$ref", "'#/definitions/a' leads nowhere."),
        (
            {"allOf": [{"$ref": f"#/allOf/{'9' * 5_000}"}]},
            1,
            "/allOf/0/$ref",
            f"'#/allOf/{'9' * 192}' leads nowhere.",
        ),
    ],
)
def test_a_schema_that_no_content_can_be_held_against_is_a_warning(
    schema: Any, content: Any, pointer: str, said: str
) -> None:
    with pytest.raises(json_schema.SchemaError):
        json_schema.validate(schema, content)
    (found,) = findings(parsing(schema))
    assert (found.severity, found.code, found.pointer) == (
        "warning",
        "InvalidSchema",
        f"/actions/p/inputs/schema{pointer}",
    )
    assert found.message == f"The schema of 'p' is not valid: {said}"


@pytest.mark.parametrize(
    "schema",
    [
        {},
        True,
        "@json('{}')",
        {"type": ["string", "null"], "properties": {"a": {"required": True}, "b": False}},
        {"$ref": "#/definitions/a~1b", "definitions": {"a/b": {"exclusiveMaximum": True, "maximum": 1.5}}},
        {"properties": {"a": {"type": "@{triggerBody()}", "enum": "@triggerBody()"}}, "default": "strng"},
        {"items": [{"minLength": 2.0}, {}], "additionalItems": False, "nosuch": 1, "format": "nosuch"},
    ],
)
def test_a_schema_that_content_can_be_held_against_is_none_of_the_findings(schema: Any) -> None:
    assert findings(parsing(schema)) == []


def test_the_schema_of_a_trigger_counts_only_where_bodies_are_held_against_it() -> None:
    trigger = {"type": "Request", "inputs": {"schema": {"type": "strng"}}}
    assert findings({"triggers": {"t": trigger}}) == []
    (found,) = findings({"triggers": {"t": {**trigger, "operationOptions": "EnableSchemaValidation"}}})
    assert (found.severity, found.pointer) == ("warning", "/triggers/t/inputs/schema/type")


def test_regular_expressions_without_end_hold_up_nobody_who_has_a_definition_checked() -> None:
    many: dict[str, Any] = {f"{i}{'(a|b)*' * 1_000}": {} for i in range(200)}
    with effort.at_most(2):
        assert findings(parsing({"patternProperties": many, "pattern": "("})) == []


def test_of_a_schema_that_is_wrong_everywhere_only_the_beginning_is_told() -> None:
    assert len(findings(parsing({"properties": {f"p{i}": {"type": "strng"} for i in range(99)}}))) == 10


def test_a_time_limit_that_the_engine_does_not_heed_is_a_warning() -> None:
    unheeding = {name for name, each in ACTIONS.items() if not each.effect} - {"Until"}
    assert unheeding == timing.UNLIMITED
    limit = {"limit": {"timeout": "PT1M"}}
    call = {"type": "Http", "inputs": {"method": "GET", "uri": "https://a.example/"}, **limit}
    (found,) = findings({"actions": {"s": {"type": "Scope", "actions": {"call": call}, **limit}}})
    assert (found.severity, found.code, found.pointer) == ("warning", "UnusedLimit", "/actions/s/limit/timeout")
    assert found.message == "The time limit of 's' is not heeded: the type Scope has none."


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_is_reached_without_a_finding_and_exceeded_with_one(limit: str) -> None:
    most = getattr(Limits(), limit)
    assert findings(LIMITS[limit](most)) == []
    (finding,) = findings(LIMITS[limit](most + 1))
    assert finding.code in ("LimitExceeded", "TooManyActions")
    assert str(most) in finding.message


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_can_be_adjusted(limit: str) -> None:
    most = getattr(Limits(), limit)
    assert findings(LIMITS[limit](most + 1), **{limit: most + 1}) == []


def test_too_many_actions_are_only_a_warning() -> None:
    assert findings(LIMITS["actions"](501))[0].severity == "warning"


def test_an_expression_that_is_too_long_is_an_error() -> None:
    long = "@concat('" + "x" * 8_200 + "')"
    (finding,) = findings({"actions": {"a": {"type": "Compose", "inputs": long}}})
    assert (finding.code, finding.pointer) == ("InvalidExpression", "/actions/a/inputs")


def test_errors_come_before_warnings() -> None:
    found = findings({"actions": {"w": {"type": "Liquid"}, "e": {"type": "Compose", "inputs": "@nosuch()"}}})
    assert [each.severity for each in found] == ["error", "warning"]


def test_a_chain_of_thousands_of_actions_is_checked_in_seconds() -> None:
    actions: dict[str, Any] = {"a0": COMPOSE}
    for i in range(1, 3000):
        actions[f"a{i}"] = {"type": "Compose", "inputs": "@outputs('a0')", "runAfter": {f"a{i - 1}": ["Succeeded"]}}
    with effort.at_most(20):
        assert findings({"actions": actions}, actions=3000) == []


@pytest.mark.parametrize(
    ("action", "meant"),
    [
        ({"type": "Compose", "inputs": "@triggerBdy()"}, "triggerBody"),
        ({"type": "Compose", "inputs": "@lenght('a')"}, "length"),
        ({"type": "Compse", "inputs": 1}, "Compose"),
        ({**COMPOSE, "runAfter": {"Frist": ["Succeeded"]}}, "First"),
        ({"type": "Compose", "inputs": "@body('Firrst')", "runAfter": {"First": ["Succeeded"]}}, "First"),
    ],
)
def test_a_name_that_is_one_slip_away_from_one_that_exists_is_followed_by_that(
    action: dict[str, Any], meant: str
) -> None:
    (found,) = findings({"actions": {"First": COMPOSE, "Second": action}})
    assert found.message.endswith(f". Did you mean '{meant}'?")


@pytest.mark.parametrize("name", ["ghost", "abs", "x" * 81])
def test_a_name_that_is_like_no_other_is_followed_by_nothing(name: str) -> None:
    (found,) = findings({"actions": {"a": {"type": "Compose", "inputs": f"@{name}()"}}})
    assert found.message.endswith("(column 1 of the expression).")


def test_a_hundred_thousand_names_that_do_not_exist_are_told_in_seconds() -> None:
    actions = {f"{at:05}{'y' * 70}": COMPOSE for at in range(450)}
    wrong = " ".join(f"@{{body('{at:05}{'x' * 70}')}}" for at in range(60))
    actions |= {f"w{at}": {"type": "Compose", "inputs": [wrong] * 40} for at in range(42)}
    with effort.at_most(60):
        assert len(findings({"actions": actions})) > 100_000


@pytest.mark.parametrize(
    ("inputs", "shown"),
    [
        ("@concat('a', tru())", "@concat('a', tru())\n             ^"),
        ("@concat('a'", "@concat('a'\n           ^"),
        ("@{add(1)} of them", "@{add(1)} of them\n  ^"),
    ],
)
def test_an_expression_that_is_wrong_is_shown_with_a_caret_under_the_place(inputs: str, shown: str) -> None:
    (found,) = findings({"actions": {"a": {"type": "Compose", "inputs": inputs}}})
    assert found.excerpt == shown


def test_a_function_that_is_the_key_of_a_condition_has_no_column() -> None:
    wrong = {"type": "If", "expression": {"and": [{"eq": [1, 1]}]}, "actions": {}}
    (found,) = findings({"actions": {"a": wrong}})
    assert found.message.startswith("The function 'eq' does not exist.")
    assert "column" not in found.message


def test_a_loop_that_is_not_around_an_action_is_told_with_those_that_are() -> None:
    inner = {"type": "Compose", "inputs": "@items('Each_alert')"}
    (found,) = findings({"actions": {"Each": {"type": "Foreach", "foreach": [1], "actions": {"a": inner}}}})
    assert found.message == "items('Each_alert') in 'a' names no loop around that action. Around it: 'Each'."
