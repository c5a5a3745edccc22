"""Conditions written as trees."""

from __future__ import annotations

from typing import Any

import pytest

from sallyport.wdl.condition import compile_condition
from sallyport.wdl.errors import EvaluationError, ExpressionSyntaxError
from sallyport.wdl.scope import ContextScope

SCOPE = ContextScope({"variables": {"n": 3, "s": "high"}})


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        (True, True),
        ("@equals(variables('n'), 3)", True),
        ({"equals": ["@variables('n')", 3]}, True),
        ({"and": [{"greater": ["@variables('n')", 2]}, {"contains": ["@variables('s')", "low"]}]}, False),
        ({"AND": {"greater": ["@variables('n')", 2]}}, True),
        ({"greater": ["@variables('n')", 2], "less": ["@variables('n')", 3]}, False),
        ({"or": [{"and": [{"equals": [1, 2]}]}, "@true"]}, True),
        ({"not": {"equals": ["@variables('s')", ""]}}, True),
        ({"not": "@false"}, True),
        ({"not": ["@false"]}, True),
        ({"equals": [{"lENgth": ["abc"]}, 3]}, True),
        ({"equals": [{"a": 1, "b": 2}, {"a": 1, "b": 2}]}, True),
        ({"equals": [{"other": 1}, {"other": 1}]}, True),
        ({"and": [{"equals": [1, 2]}, {"unheard": []}]}, False),
    ],
)
def test_a_condition_is_true_or_false(condition: Any, answer: bool) -> None:
    assert compile_condition(condition).evaluate(SCOPE) is answer


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("yes", "must be a boolean"),
        (None, "must be a boolean"),
        ({}, "empty object"),
        ({"and": []}, "and"),
        ({"and": [1]}, "'and' expects"),
        ({"unheard": [1]}, "'unheard' is not defined"),
        ({"equals": [1]}, "'equals' expects"),
        ({"length": ["abc"]}, "must be a boolean"),
        ({"greater": ["@variables('s')", 1]}, "comparable"),
    ],
)
def test_what_is_no_condition_fails_with_a_sentence(condition: Any, says: str) -> None:
    with pytest.raises(EvaluationError, match=says):
        compile_condition(condition).evaluate(SCOPE)


def test_a_condition_that_cannot_be_read_says_where() -> None:
    with pytest.raises(ExpressionSyntaxError) as unread:
        compile_condition({"and": [{"equals": ["@(", 1]}]})
    assert unread.value.pointer == "/and/0/equals/0"


def test_a_condition_that_is_too_deep_is_refused() -> None:
    condition: Any = "@true"
    for _ in range(200):
        condition = {"not": condition}
    with pytest.raises(ExpressionSyntaxError, match="nested"):
        compile_condition(condition)


def test_static_checks_learn_what_a_condition_refers_to() -> None:
    template = compile_condition({"and": [{"equals": ["@body('A')", 1]}, {"Unheard": []}, {"not": [1, 2]}]})
    assert [(each.kind, each.name, each.pointer) for each in template.references] == [
        ("action", "A", "/and/0/equals/0")
    ]
    assert [(each.function, each.pointer) for each in template.unknown_functions] == [("Unheard", "/and/1")]
    assert [(each.function, each.pointer) for each in template.misused_functions] == [("not", "/and/2")]
    assert {"and", "equals", "body", "not"} <= template.functions
