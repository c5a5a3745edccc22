"""What the values of parameters come to: expressions in a Standard workflow, plain values everywhere else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sallyport.engine import parameters
from sallyport.engine.parameters import BeforeScope
from sallyport.triggers import checking
from sallyport.triggers.recurrence_rule import InvalidRecurrence
from sallyport.wdl import definition
from sallyport.wdl.definition import Definition
from sallyport.wdl.errors import EvaluationError

GIVEN: dict[str, Any] = {
    "Url": "@appsetting('Service')",
    "Path": "@{parameters('url')}/alerts",
    "All": {"of": ["@parameters('Path')", 1, None], "@{parameters('Key')}": True},
    "Key": "k",
    "Escaped": "@@mention",
    "Circle": "@parameters('Round')",
    "Round": {"x": "@{parameters('Circle')}"},
    "Unset": "@appsetting('Nowhere')",
    "Other": "@variables('x')",
    "Broken": "@mention",
    "Ghost": "@parameters('nobody')",
    "$connections": {"mail": {"id": "@appsetting('Service')"}},
}
SETTINGS = {"Service": "https://svc.example"}
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def defined(kind: str | None, interval: Any = 1) -> Definition:
    recurrence = {"frequency": "Hour", "interval": interval}
    document: dict[str, Any] = {
        "parameters": {"Every": {"type": "Int", "defaultValue": 0}},
        "triggers": {"tick": {"type": "Recurrence", "recurrence": recurrence}},
        "actions": {},
    }
    return definition.parse(document, kind=kind)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("url", "https://svc.example"),
        ("Path", "https://svc.example/alerts"),
        ("All", {"of": ["https://svc.example/alerts", 1, None], "k": True}),
        ("Escaped", "@mention"),
        ("$connections", GIVEN["$connections"]),
    ],
)
def test_a_value_of_a_standard_workflow_is_evaluated(name: str, expected: Any) -> None:
    assert parameters.value(defined("Stateful"), GIVEN, SETTINGS, name) == expected
    assert parameters.value(defined("stateless"), GIVEN, SETTINGS, name) == expected


@pytest.mark.parametrize("name", GIVEN)
def test_a_value_of_any_other_workflow_is_what_it_is(name: str) -> None:
    assert parameters.value(defined(None), GIVEN, SETTINGS, name) == GIVEN[name]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Circle", "'Circle' refers to itself"),
        ("Round", "'Round' refers to itself"),
        ("Unset", "The app setting 'Nowhere' is not found"),
        ("Other", "The variable 'x' is not initialized"),
        ("Broken", "'Broken' cannot be read: "),
        ("Ghost", "The workflow parameter 'nobody' is not found"),
    ],
)
def test_a_value_that_cannot_be_evaluated_says_why(name: str, reason: str) -> None:
    with pytest.raises(EvaluationError) as failure:
        parameters.value(defined("Stateful"), GIVEN, SETTINGS, name)
    assert reason in failure.value.message


def test_a_parameter_without_a_value_has_none() -> None:
    with pytest.raises(KeyError):
        parameters.value(defined("Stateful"), GIVEN, SETTINGS, "nobody")


def test_secrets_are_looked_for_among_the_values_as_they_are_used() -> None:
    found = parameters.settled(defined("Stateful"), GIVEN, SETTINGS)
    assert (found["Url"], found["Escaped"]) == ("https://svc.example", "@mention")
    assert (found["Unset"], found["Broken"]) == (GIVEN["Unset"], GIVEN["Broken"])


def test_what_only_the_running_server_knows_of_a_trigger_is_not_judged_before() -> None:
    every = "@parameters('Every')"
    checking.demand(defined("Stateful", every), {"Every": "@appsetting('Every')"}, NOW)
    checking.demand(defined("Stateful", every), {"Every": "@5"}, NOW)
    for kind, value in (("Stateful", "@0"), ("Stateful", 0), (None, "@5")):
        with pytest.raises(InvalidRecurrence):
            checking.demand(defined(kind, every), {"Every": value}, NOW)


def test_before_a_run_an_unknown_parameter_is_one_that_is_not_found() -> None:
    with pytest.raises(EvaluationError, match="'nobody' is not found"):
        BeforeScope(defined("Stateful"), GIVEN).parameter("nobody")
