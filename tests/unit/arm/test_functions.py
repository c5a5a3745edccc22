"""Every function of ARM expressions, by a table of cases."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from sallyport.arm import evaluate, functions, template
from sallyport.arm.environment import Environment
from sallyport.arm.errors import TemplateError
from sallyport.arm.functions.registry import table
from workplace import CASES

ENVIRONMENT = Environment(
    subscription_id="sub",
    tenant_id="tenant",
    resource_group="group",
    location="westeurope",
    now=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
)
TEMPLATE: dict[str, Any] = {
    "parameters": {
        "given": {"type": "string"},
        "defaulted": {"type": "string", "defaultValue": "[concat('default of ', subscription().subscriptionId)]"},
    },
    "variables": {
        "first": "a",
        "second": "[concat(variables('first'), '-b')]",
        "chained": "[concat(variables('Second'), '-c')]",
        "circle": "[variables('circle2')]",
        "circle2": "[variables('circle')]",
        "broken": "[int('x')]",
        "bomb": "[concat(variables('half'), variables('half'))]",
        "half": "[padLeft('', 3000000, ',')]",
        "copy": [{"name": "names", "count": 2, "input": "[concat('n', copyIndex('names'))]"}],
    },
}
CASE_LIST = json.loads((CASES / "arm" / "expressions.json").read_text(encoding="utf-8"))


def evaluated(expression: str) -> Any:
    scope = template.open_template(TEMPLATE, parameters={"Given": "from outside"}, environment=ENVIRONMENT)
    return evaluate.evaluate_text(expression, scope)


@pytest.mark.parametrize("case", [case for case in CASE_LIST if "value" in case], ids=lambda case: case["expression"])
def test_an_expression_has_the_value_that_the_table_gives(case: dict[str, Any]) -> None:
    assert evaluated(case["expression"]) == case["value"]


@pytest.mark.parametrize("case", [case for case in CASE_LIST if "error" in case], ids=lambda case: case["expression"])
def test_a_broken_expression_is_refused_with_a_sentence_and_a_place(case: dict[str, Any]) -> None:
    with pytest.raises(TemplateError) as caught:
        evaluated(case["expression"])
    assert case["error"] in caught.value.message
    if "column" in case:
        assert caught.value.column == case["column"]


def test_every_function_has_a_case() -> None:
    text = " ".join(case["expression"] for case in CASE_LIST if "value" in case)
    text += str(TEMPLATE["variables"])
    assert {name for name in functions.FUNCTIONS if f"{name}(" not in text.casefold()} == set()


def test_guid_is_a_version_five_identifier_of_the_joined_texts() -> None:
    expected = uuid.uuid5(uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830"), "a-b")
    assert evaluated("[guid('a', 'b')]") == str(expected)


@pytest.mark.parametrize("name", ["base64", "dataUri", "guid", "uniqueString", "uriComponent"])
def test_half_of_a_surrogate_pair_counts_as_the_replacement_character(name: str) -> None:
    assert evaluated(f"[{name}('a\ud800')]") == evaluated(f"[{name}('a\ufffd')]")


def test_a_function_listed_twice_is_refused() -> None:
    concat = functions.FUNCTIONS["concat"]
    with pytest.raises(ValueError, match="listed twice"):
        table(concat, concat)
