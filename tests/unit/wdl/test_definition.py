"""Definitions: what the parser reads, tolerates and refuses."""

from __future__ import annotations

from typing import Any

import pytest

from sallyport.statuses import Status
from sallyport.wdl import definition
from sallyport.wdl.definition import MISSING, InvalidDefinition

COMPOSE = {"type": "Compose", "inputs": 1}


def parsed(actions: dict[str, Any] | None = None, **sections: Any) -> definition.Definition:
    return definition.parse({"actions": actions or {}, **sections})


def test_actions_of_a_block_know_who_follows_whom() -> None:
    root = parsed({"a": COMPOSE, "b": {**COMPOSE, "runAfter": {"A": ["SUCCEEDED", "failed"]}}}).root
    assert root.roots == ("a",)
    assert root.leaves == ("b",)
    assert root.successors == {"a": ("b",), "b": ()}
    assert root.actions["b"].run_after == {"a": frozenset({Status.SUCCEEDED, Status.FAILED})}


@pytest.mark.parametrize("run_after", [None, {}])
def test_an_action_without_a_run_after_runs_first(run_after: Any) -> None:
    assert parsed({"a": {**COMPOSE, "runAfter": run_after}}).root.roots == ("a",)


def test_a_run_after_may_name_the_trigger_and_adds_nothing() -> None:
    actions = {"a": {**COMPOSE, "runAfter": {"start": ["Succeeded"]}}}
    assert parsed(actions, triggers={"start": {"type": "Request"}}).root.roots == ("a",)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("foreach", "Foreach"),
        ("INITIALIZEVARIABLE", "InitializeVariable"),
        ("InlineCode", "JavaScriptCode"),
        ("x9", "x9"),
    ],
)
def test_types_are_spelled_as_the_documentation_does_and_kept_when_unknown(written: str, canonical: str) -> None:
    action = parsed({"a": {"type": written}}).actions["a"]
    assert action.type == canonical
    assert action.raw["type"] == written


def test_containers_have_their_blocks_also_when_the_author_left_them_out() -> None:
    actions = parsed(
        {
            "if": {"type": "If", "actions": {"yes": COMPOSE}},
            "switch": {"type": "Switch", "cases": {"c/1": {"case": 1, "actions": {"one": COMPOSE}}}},
            "scope": {"type": "Scope"},
            "agent": {"type": "Agent", "tools": {"t": {"actions": {"hidden": COMPOSE}}}},
        }
    ).actions
    assert list(actions["if"].blocks) == ["actions", "else"]
    assert list(actions["switch"].blocks) == ["case:c/1", "default"]
    assert list(actions["scope"].blocks) == ["actions"]
    assert list(actions["agent"].blocks) == []
    assert (actions["one"].parent, actions["one"].branch) == ("switch", "case:c/1")
    assert actions["one"].pointer == "/actions/switch/cases/c~11/actions/one"
    assert "hidden" not in actions


def test_an_action_knows_the_loops_around_it() -> None:
    inner = {"type": "Until", "actions": {"leaf": COMPOSE}}
    actions = parsed({"each": {"type": "Foreach", "actions": {"scope": {"type": "Scope", "actions": {"u": inner}}}}})
    assert actions.actions["leaf"].loops == ("each", "u")
    assert actions.actions["u"].loops == ("each",)


def test_options_and_secure_data_are_read_without_regard_to_case() -> None:
    action = parsed(
        {
            "a": {
                **COMPOSE,
                "operationOptions": "Sequential, DisableAsyncPattern",
                "runtimeConfiguration": {"secureData": {"properties": ["Inputs"]}},
            }
        }
    ).actions["a"]
    assert action.operation_options == {"sequential", "disableasyncpattern"}
    assert (action.secure_inputs, action.secure_outputs) == (True, False)


def test_an_action_is_found_by_its_name_first_exactly_then_in_any_case() -> None:
    found = parsed({"Mail": COMPOSE})
    assert found.action("MAIL") is found.action("Mail")
    with pytest.raises(KeyError):
        found.action("other")


def test_parameters_outputs_and_static_results_are_declared() -> None:
    found = parsed(
        parameters={
            "p": {"type": "securestring"},
            "q": {"type": "INT", "defaultValue": None, "allowedValues": [None, 1]},
        },
        outputs={"o": {"type": "String", "value": "@concat('a', 'b')"}},
        staticResults={"r": {"status": "Succeeded"}},
    )
    assert found.parameters["p"].secure
    assert found.parameters["p"].default is MISSING
    assert found.parameters["q"].type == "Int"
    assert found.parameters["q"].default is None
    assert found.parameters["q"].allowed_values == (None, 1)
    assert found.outputs["o"].value.constant
    assert found.static_results == {"r": {"status": "Succeeded"}}


def test_templates_are_compiled_once_and_a_missing_property_is_null() -> None:
    action = parsed({"a": {"type": "Compose", "inputs": "@utcNow()"}}).actions["a"]
    assert action.template("inputs") is action.template("inputs")
    assert action.template("nothing").constant


def test_a_trigger_has_conditions_split_on_and_recurrence() -> None:
    recurrence = {"frequency": "Hour", "interval": 1}
    trigger = parsed(
        triggers={
            "t": {
                "type": "recurrence",
                "recurrence": recurrence,
                "conditions": [{"expression": "@equals(1, 1)"}],
                "splitOn": "@triggerBody()",
            },
            "u": {"type": "manual"},
        }
    ).triggers
    assert trigger["t"].type == "Recurrence"
    assert trigger["t"].recurrence == recurrence
    assert len(trigger["t"].conditions) == 1
    assert trigger["t"].split_on is not None
    assert trigger["u"].type == "Request"
    assert trigger["u"].split_on is None
    assert trigger["u"].conditions == ()


def test_the_digest_depends_on_content_and_not_on_the_order_of_keys() -> None:
    one, other = parsed(outputs={}, parameters={}), definition.parse({"parameters": {}, "outputs": {}, "actions": {}})
    assert one.digest == other.digest
    assert one.digest != parsed({"a": COMPOSE}).digest


@pytest.mark.parametrize(
    ("document", "pointer", "message"),
    [
        ({"actions": []}, "/actions", "must be an object"),
        ({"actions": {"a": 1}}, "/actions/a", "must be an object"),
        ({"actions": {"a": {}}}, "/actions/a", "has no type"),
        ({"actions": {"a": {"type": 1}}}, "/actions/a", "has no type"),
        ({"actions": {"a": {"type": "If", "else": []}}}, "/actions/a/else", "must be an object"),
        ({"actions": {"a": {"type": "Switch", "cases": []}}}, "/actions/a/cases", "must be an object"),
        ({"actions": {"a": {"type": "Scope", "actions": {"a": COMPOSE}}}}, "/actions/a/actions/a", "more than once"),
        ({"actions": {"a": {**COMPOSE, "kind": 1}}}, "/actions/a/kind", "must be a string"),
        ({"actions": {"a": {**COMPOSE, "runAfter": []}}}, "/actions/a/runAfter", "must be an object"),
        ({"actions": {"a": {**COMPOSE, "runAfter": {"b": "Failed"}}}}, "/actions/a/runAfter/b", "must be an array"),
        ({"actions": {"a": {**COMPOSE, "runAfter": {"b": ["Fail"]}}}}, "/actions/a/runAfter/b", "not a status"),
        ({"triggers": {"conditions": []}}, "/triggers/conditions", "must be an object"),
        ({"triggers": {"t": {}}}, "/triggers/t", "has no type"),
        ({"parameters": {"p": {}}}, "/parameters/p", "has no type"),
        ({"parameters": {"p": {"type": "Text"}}}, "/parameters/p/type", "the types are"),
        ({"parameters": {"p": {"type": "Int", "allowedValues": 1}}}, "/parameters/p", "must be an array"),
        ({"outputs": {"o": 1}}, "/outputs/o", "must be an object"),
        ([], "", "must be an object"),
    ],
)
def test_what_leaves_the_structure_unclear_is_refused_in_place(document: Any, pointer: str, message: str) -> None:
    with pytest.raises(InvalidDefinition, match=message) as caught:
        definition.parse(document)
    assert caught.value.pointer == pointer
    assert caught.value.code == "InvalidTemplate"


def test_actions_nested_without_end_are_refused() -> None:
    actions: dict[str, Any] = {"leaf": COMPOSE}
    for i in range(100):
        actions = {f"s{i}": {"type": "Scope", "actions": actions}}
    with pytest.raises(InvalidDefinition, match="nested more than 64 deep"):
        parsed(actions)
