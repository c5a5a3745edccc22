"""The parser takes any text, and answers a tree or an ExpressionSyntaxError with a place in the text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport.wdl import ast, parser
from sallyport.wdl.errors import EvaluationError, ExpressionError, ExpressionSyntaxError
from sallyport.wdl.scope import ContextScope
from sallyport.wdl.template import compile_template
from sallyport.wdl.values import Json

#: Pieces that an expression is made of, in any order.
PIECES = st.sampled_from(
    [
        "@",
        "@{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "?",
        ".",
        ",",
        "'",
        "''",
        "'a'",
        "1",
        "-1.5e3",
        " ",
        "\n",
        "concat",
        "add",
        "x",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.text())
def test_any_text_parses_or_is_a_syntax_error(text: str) -> None:
    outcome: ast.Node | ExpressionSyntaxError
    try:
        outcome = parser.parse(text)
    except ExpressionSyntaxError as error:
        outcome = error
    assert outcome.column is not None
    assert 0 <= outcome.column <= len(text)


@given(st.lists(PIECES, max_size=20).map("".join))
def test_any_pieces_of_an_expression_evaluate_or_fail_with_an_error_of_the_language(text: str) -> None:
    failure: ExpressionError | None = None
    try:
        compile_template(text).evaluate(ContextScope({}))
    except ExpressionError as error:
        failure = error
    assert failure is None or (failure.expression == text and failure.caret().endswith("^"))


@given(JSON)
def test_a_value_without_an_at_sign_is_itself(value: Json) -> None:
    if "@" not in json.dumps(value):
        template = compile_template(value)
        assert template.constant
        assert template.evaluate(ContextScope({})) == value


@given(st.text())
def test_a_quoted_string_means_its_text(text: str) -> None:
    quoted = text.replace("'", "''")
    assert compile_template(f"@'{quoted}'").evaluate(ContextScope({})) == text


def tree(depth: int) -> st.SearchStrategy[tuple[str, Json]]:
    """Strategy of expressions with what a naive reference makes of them."""
    integers = st.integers(-1000, 1000).map(lambda number: (str(number), number))
    if depth == 0:
        return integers
    inner = tree(depth - 1)
    pairs = st.tuples(inner, inner)
    return st.one_of(
        inner,
        pairs.map(lambda pair: (f"add({pair[0][0]}, {pair[1][0]})", pair[0][1] + pair[1][1])),  # type: ignore[operator]
        pairs.map(lambda pair: (f"sub({pair[0][0]},{pair[1][0]})", pair[0][1] - pair[1][1])),  # type: ignore[operator]
        pairs.map(lambda pair: (f"max({pair[0][0]},{pair[1][0]})", max(pair[0][1], pair[1][1]))),  # type: ignore[type-var]
        pairs.map(
            lambda pair: (
                f"if(greater({pair[0][0]},{pair[1][0]}),{pair[0][0]},variables('n'))",
                pair[0][1] if pair[0][1] > pair[1][1] else 7,  # type: ignore[operator]
            )
        ),
        pairs.map(lambda pair: (f"int(concat(string({pair[0][0]})))", pair[0][1])),
        pairs.map(lambda pair: (f"createArray({pair[0][0]},{pair[1][0]})[1]", pair[1][1])),
    )


@given(tree(4))
def test_compiled_expressions_agree_with_a_naive_reference(case: tuple[str, Json]) -> None:
    text, expected = case
    scope = ContextScope({"variables": {"n": 7}})
    assert compile_template(f"@{text}").evaluate(scope) == expected
    assert compile_template(f"<@{{{text}}}>").evaluate(scope) == f"<{expected}>"


@pytest.mark.parametrize(
    ("expression", "column"),
    [
        ("@concat('a'", 11),
        ("@foo", 1),
        ("ab @{ add(1 2) }", 12),
        ("@concat('a', length(1))", 13),
        ("@triggerBody()?['x']", 1),
        ("@json('{}')?.a.b", 14),
        ("x @{concat(1)} @{nope()}", 17),
        ("@if(true, outputs('x'), 1)", 10),
    ],
)
def test_an_error_points_at_its_column(expression: str, column: int) -> None:
    with pytest.raises((ExpressionSyntaxError, EvaluationError)) as failure:
        compile_template(expression).evaluate(ContextScope({}))
    assert failure.value.column == column
    line, caret = failure.value.caret().split("\n")
    assert line == expression
    assert caret.index("^") == column


@pytest.mark.parametrize(("text", "cells"), [("日本語", 6), ("🦊", 2), ("e\u0301", 1), ("é", 1)])
def test_the_caret_stands_under_its_place_behind_letters_of_any_width(text: str, cells: int) -> None:
    with pytest.raises(ExpressionSyntaxError) as failure:
        compile_template(f"@concat('{text}', foo)")
    _, caret = failure.value.caret().split("\n")
    assert caret.index("^") == len("@concat('', ") + cells


def test_the_caret_of_a_long_expression_stays_on_one_screen() -> None:
    with pytest.raises(ExpressionSyntaxError) as failure:
        compile_template(f"@concat('{'a' * 500}\n', foo, '{'b' * 500}')")
    line, caret = failure.value.caret().split("\n")
    assert len(line) <= 120
    assert line[caret.index("^") :].startswith("foo")
