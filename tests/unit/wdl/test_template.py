"""Templates evaluate every string and key inside a JSON value, and tell what they refer to."""

from __future__ import annotations

import json

import pytest

from sallyport.wdl.errors import EvaluationError, ExpressionSyntaxError
from sallyport.wdl.functions import FUNCTIONS
from sallyport.wdl.functions.registry import function, table
from sallyport.wdl.scope import ContextScope, Scope
from sallyport.wdl.template import Reference, compile_template, is_expression
from sallyport.wdl.values import Json
from workplace import CASES

SCOPE = ContextScope({"variables": {"k": "key", "n": 5}, "trigger": {"outputs": {"body": {"a": [1]}}}})


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ({"a": ["@variables('n')", "x@{variables('n')}"], "b": 1}, {"a": [5, "x5"], "b": 1}),
        ({"@variables('k')": 1, "p@{variables('n')}": 2}, {"key": 1, "p5": 2}),
        ({"@{variables('n')}": "@@x"}, {"5": "@x"}),
        ({"@@odata.type": "#x"}, {"@odata.type": "#x"}),
        ([["@triggerBody().a"]], [[[1]]]),
        ({}, {}),
        (None, None),
        (True, True),
        (1.5, 1.5),
    ],
)
def test_strings_and_keys_are_evaluated_wherever_they_stand(template: Json, expected: Json) -> None:
    assert compile_template(template).evaluate(SCOPE) == expected


def test_only_what_needs_the_scope_is_not_constant() -> None:
    assert compile_template({"a": ["@concat('x', string(add(1,2)))"]}).constant
    assert compile_template("@{json('{\"a\":1}').a}").constant
    assert not compile_template("@utcNow()").constant
    assert not compile_template("@guid()").constant
    assert not compile_template("@rand(1,2)").constant
    assert not compile_template("@variables('n')").constant


def test_a_constant_is_answered_without_a_copy() -> None:
    template = compile_template({"a": ["x"]})
    assert template.evaluate(SCOPE) is template.evaluate(SCOPE)


def test_an_error_of_constants_waits_for_the_evaluation() -> None:
    template = compile_template("@div(1,0)")
    assert not template.constant
    with pytest.raises(EvaluationError, match="divide"):
        template.evaluate(SCOPE)


def test_references_say_what_is_meant_and_where() -> None:
    template = compile_template(
        {"a/b": ["x", "@concat(body('Get'), parameters('p'))"], "c": "@{items('Loop')} @{variables(variables('k'))}"}
    )
    assert template.references == (
        Reference("action", "Get", "/a~1b/1", 8, "body"),
        Reference("parameter", "p", "/a~1b/1", 21, "parameters"),
        Reference("items", "Loop", "/c", 2, "items"),
        Reference("variable", "k", "/c", 29, "variables"),
        Reference("variable", None, "/c", 19, "variables"),
    )
    assert template.functions == {"concat", "body", "parameters", "items", "variables"}


@pytest.mark.parametrize(
    ("expression", "kind", "name", "spelling"),
    [
        ("@triggerBody()", "trigger", None, "triggerBody"),
        ("@triggers()", "trigger", None, "trigger"),
        ("@ITEM()", "item", None, "item"),
        ("@action()", "action", None, "action"),
        ("@actionOutputs('A')", "action", "A", "outputs"),
        ("@formDataValue('A','k')", "action", "A", "formDataValue"),
        ("@triggerMultipartBody(0)", "trigger", None, "triggerMultipartBody"),
        ("@result('S')", "result", "S", "result"),
        ("@iterationIndexes('U')", "iterationIndexes", "U", "iterationIndexes"),
        ("@listCallbackUrl()", "listCallbackUrl", None, "listCallbackUrl"),
        ("@appsetting('x')", "appsetting", "x", "appsetting"),
        ("@workflow()", "workflow", None, "workflow"),
        ("@outputs(concat('A','b'))", "action", "Ab", "outputs"),
    ],
)
def test_each_kind_of_reference_is_found(expression: str, kind: str, name: str | None, spelling: str) -> None:
    assert compile_template(expression).references == (Reference(kind, name, "", 1, spelling),)


def test_unknown_and_misused_functions_are_listed_even_in_branches_that_never_run() -> None:
    template = compile_template({"x": "@if(true, 1, concat(nope(), length(), 'a'))"})
    assert [(call.function, call.pointer, call.column) for call in template.unknown_functions] == [("nope", "/x", 20)]
    assert [(call.function, call.column) for call in template.misused_functions] == [("length", 28)]
    assert template.evaluate(SCOPE) == {"x": 1}


def test_a_syntax_error_says_which_string_is_at_fault() -> None:
    with pytest.raises(ExpressionSyntaxError) as failure:
        compile_template({"a": [1, {"b~/c": "@concat("}]})
    assert failure.value.pointer == "/a/1/b~0~1c"
    assert failure.value.code == "InvalidTemplate"
    assert failure.value.status == 400


def test_an_evaluation_error_says_which_string_is_at_fault() -> None:
    with pytest.raises(EvaluationError) as failure:
        compile_template({"a": [1, "@add(1, variables('k'))"]}).evaluate(SCOPE)
    assert (failure.value.pointer, failure.value.column) == ("/a/1", 1)


def test_arguments_are_evaluated_from_left_to_right() -> None:
    class Recording(Scope):
        seen: list[str]

        def variable(self, name: str) -> Json:
            self.seen.append(name)
            return name

    scope = Recording()
    scope.seen = []
    compile_template("@concat(variables('a'), variables('b'), variables('c'))").evaluate(scope)
    compile_template("@createArray(variables('d'), variables('e'))").evaluate(scope)
    compile_template({"@variables('f')": "@variables('g')"}).evaluate(scope)
    assert "".join(scope.seen) == "abcdefg"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("@a", True), ("@{a}", True), ("x@{a}", True), ("@@{a}", False), ("x@@{a}", False), ("@", False), ("a@b", False)],
)
def test_a_text_is_an_expression_or_not(text: str, *, expected: bool) -> None:
    assert is_expression(text) is expected


def test_a_function_cannot_be_listed_twice_or_without_its_mark() -> None:
    @function("same")
    def one(value: Json) -> Json:
        return value

    with pytest.raises(ValueError, match="'same' is listed twice"):
        table(one, one)
    with pytest.raises(TypeError, match="not marked"):
        table(len)


def test_every_function_of_the_reference_is_in_the_table() -> None:
    names = (CASES / "expressions" / "functions.txt").read_text("utf-8").split()
    assert [name for name in names if name.casefold() not in FUNCTIONS] == []


def test_a_scope_without_anything_answers_each_question_with_a_sentence() -> None:
    questions = [
        "parameters('x')",
        "variables('x')",
        "trigger()",
        "triggerOutputs()",
        "triggerBody()",
        "actions('x')",
        "outputs('x')",
        "body('x')",
        "action()",
        "item()",
        "items('x')",
        "iterationIndexes('x')",
        "result('x')",
        "workflow()",
        "listCallbackUrl()",
        "appsetting('x')",
        "utcNow()",
    ]
    for question in questions:
        with pytest.raises(EvaluationError, match=r"\.$") as failure:
            compile_template(f"@{question}").evaluate(Scope())
        assert failure.value.column == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@float('NaN')", "NaN"),
        ("@mul(-1e308, 10)", "-Infinity"),
        ("@createArray(float('NaN'), decimal('1.50'), 'x')", ["NaN", 1.5, "x"]),
        ("@setProperty(json('{}'), 'a', decimal('1.50'))", {"a": 1.5}),
        ("@decimal('1.50')", 1.5),
        ("@{decimal('1.50')}", "1.50"),
        ("@less(float('NaN'), 1)", True),
        ("@add(1, 2)", 3),
    ],
)
def test_what_is_kept_in_a_history_is_as_it_will_be_read_again(text: str, expected: Json) -> None:
    kept = compile_template({"a": [text]}, kept=True).evaluate(Scope())
    assert kept == {"a": [expected]}
    assert json.loads(json.dumps(kept, allow_nan=False)) == kept
