"""Secrets spread along references, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from sallyport.actions import ACTIONS
from sallyport.engine import secrecy
from sallyport.wdl import definition

SECURE = {"runtimeConfiguration": {"secureData": {"properties": ["inputs", "outputs"]}}}
SECURE_INPUTS = {"runtimeConfiguration": {"secureData": {"properties": ["inputs"]}}}


def _find(actions: dict[str, Any], parameters: dict[str, Any] | None = None, **more: Any) -> secrecy.Secrets:
    declared = {"key": {"type": "SecureString"}, "list": {"type": "SecureObject"}, "plain": {"type": "String"}}
    document = {"triggers": more.pop("triggers", {}), "parameters": declared, "actions": actions, **more}
    return secrecy.find(definition.parse(document), parameters or {}, ACTIONS)


def _http(**more: Any) -> dict[str, Any]:
    return {"type": "Http", "inputs": {"method": "GET", "uri": "https://x.test"}, **more}


def _compose(inputs: Any, *after: str) -> dict[str, Any]:
    return {"type": "Compose", "inputs": inputs, "runAfter": {name: ["Succeeded"] for name in after}}


def test_without_secrets_nothing_is_secret() -> None:
    found = _find({"A": _compose("@parameters('plain')"), "B": _compose("@outputs('A')", "A")})
    assert (found.inputs, found.outputs, found.run_outputs) == (frozenset(), frozenset(), frozenset())


def test_what_derives_from_a_secret_is_secret_and_what_comes_from_outside_is_not() -> None:
    found = _find(
        {
            "Get": _http(**SECURE),
            "Derive": _compose("@body('get')", "Get"),
            "Send": {**_http(), "inputs": {"method": "POST", "uri": "https://x.test", "body": "@outputs('Derive')"}},
            "After": _compose("@body('Send')", "Send"),
        }
    )
    assert found.inputs == {"Get", "Derive", "Send"}
    assert found.outputs == {"Get", "Derive"}


@pytest.mark.parametrize("expression", ["@parameters('KEY')", "@{parameters('key')}", "@parameters(concat('k','ey'))"])
def test_a_secure_parameter_makes_its_readers_secret(expression: str) -> None:
    assert _find({"A": _compose(expression)}).outputs == {"A"}


def test_a_variable_that_was_given_a_secret_makes_its_readers_secret() -> None:
    initial = {"variables": [{"name": "V", "type": "String"}]}
    found = _find(
        {
            "Init": {"type": "InitializeVariable", "inputs": initial, "runAfter": {}},
            "Set": {
                "type": "SetVariable",
                "inputs": {"name": "V", "value": "@parameters('key')"},
                "runAfter": {"Init": ["Succeeded"]},
            },
            "Read": _compose("@variables('v')", "Set"),
        }
    )
    assert {"Set", "Read"} <= found.outputs


@pytest.mark.parametrize("source", ["@parameters('list')", "@body('Get')", "@triggerBody()"])
@pytest.mark.parametrize("item", ["@item()", "@items('each')?['x']"])
def test_items_of_a_secret_array_are_secret(source: str, item: str) -> None:
    loop = {"type": "Foreach", "foreach": source, "runAfter": {"Get": ["Succeeded"]}, "actions": {"In": _compose(item)}}
    trigger = {"manual": {"type": "Request", "kind": "Http", **SECURE}}
    found = _find({"Get": _http(**SECURE), "Each": loop, "Out": _compose("x")}, triggers=trigger)
    assert "In" in found.outputs
    assert "Out" not in found.inputs


def test_items_of_another_array_are_not_secret() -> None:
    loop = {"type": "Foreach", "foreach": ["a"], "actions": {"In": _compose("@item()")}}
    assert "In" not in _find({"Get": _http(**SECURE), "Each": loop}).inputs


def test_whoever_asks_for_a_whole_action_sees_its_secret_inputs() -> None:
    found = _find(
        {
            "Get": _http(**SECURE_INPUTS),
            "Whole": _compose("@actions('Get')", "Get"),
            "Part": _compose("@body('Get')", "Get"),
        }
    )
    assert found.inputs == {"Get", "Whole"}


def test_outputs_of_the_run_that_show_a_secret_are_found() -> None:
    outputs = {
        "open": {"type": "String", "value": "x"},
        "closed": {"type": "String", "value": "@body('Get')"},
        "declared": {"type": "SecureString", "value": "x"},
    }
    assert _find({"Get": _http(**SECURE)}, outputs=outputs).run_outputs == {"closed", "declared"}


def test_texts_of_secure_parameters_are_recognised_wherever_they_are_nested() -> None:
    found = _find({}, {"key": "long-enough", "list": {"a": ["deep-secret", "tiny"]}, "plain": "not-secret"})
    assert set(found.texts) == {"long-enough", "deep-secret"}


def test_what_any_of_several_triggers_secures_is_secret() -> None:
    triggers = {"first": {"type": "Request"}, "second": {"type": "Request", **SECURE}}
    found = _find({"A": _compose("@triggerBody()")}, triggers=triggers)
    assert (found.trigger_inputs, found.trigger_outputs, set(found.outputs)) == (True, True, {"A"})


@pytest.mark.parametrize(
    "stated",
    [
        {"limit": {"timeout": "@body('Get')"}},
        {"runtimeConfiguration": {"paginationPolicy": {"minimumItemCount": "@body('Get')"}}},
        {"trackedProperties": {"seen": "@body('Get')"}},
    ],
    ids=lambda stated: next(iter(stated)),
)
def test_a_secret_is_one_wherever_an_action_refers_to_it(stated: dict[str, Any]) -> None:
    assert "After" in _find({"Get": _http(**SECURE), "After": _http(runAfter={"Get": ["Succeeded"]}, **stated)}).inputs


def test_a_response_shows_no_secret_that_it_answers_with() -> None:
    answer = {"type": "Response", "inputs": {"statusCode": 200, "body": "@body('Get')"}, "runAfter": {"Get": []}}
    assert "Answer" in _find({"Get": _http(**SECURE), "Answer": answer}).outputs
