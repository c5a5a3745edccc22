"""Static checks, by a table of definitions and what is found in them; limits at and above their value."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from sallyport.wdl import check, definition, operation_types
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
        supplied=["given"],
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
    started = time.perf_counter()
    assert findings({"actions": actions}, actions=3000) == []
    assert time.perf_counter() - started < 20
